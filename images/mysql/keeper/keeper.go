package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"
)

// tick is how often a node looks at itself and at the others.
const tick = 300 * time.Millisecond

// patience is how long one look or one step of a change may take.
const patience = 2 * time.Second

// Keeper runs one server and keeps its role: it alone opens a server for writes, which by itself always starts read-only.
type Keeper struct {
	server *Server
	db     *Database
	peers  *Peers

	// acting is held by whoever changes the role. It guards the next ones: until when the source keeps still, and for which node to be promoted.
	acting    sync.Mutex
	handing   time.Time
	handingTo string
	// mutex guards what follows.
	mutex sync.Mutex
	// answering are the others that answered at the last look.
	answering []Status
	config    Config
	state     State
	role      string
	said      string
	extra     string
	// currentUntil is until when a replica may be read from though it receives nothing.
	currentUntil time.Time
	// fenced is until when a replica receives nothing, while another node is about to be promoted by force.
	fenced time.Time
	// followed is the account by which the server replicates.
	followed State
	tried    time.Time
	settled  string
	settling bool
	// stopping says that the thread which receives is being stopped.
	stopping bool
	// accessFault is why the users are not as they are declared.
	accessFault string
}

func newKeeper(config Config, state State) (*Keeper, error) {
	db, err := openDatabase()
	if err != nil {
		return nil, err
	}
	return &Keeper{
		server: &Server{config: filepath.Join(config.folder, "my.cnf")},
		db:     db,
		peers:  newPeers(),
		config: config,
		state:  state,
		role:   roleStarting,
	}, nil
}

// run keeps the role until the context ends; then the server has ended as well. An error is a server that ended by itself.
func (k *Keeper) run(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		if err := k.turn(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			k.stop()
			return nil
		case <-ticker.C:
		}
	}
}

// stop ends the server. Commits that wait for a replica to have them are not told to be done: their connections are cut first.
func (k *Keeper) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if k.isOpen() {
		k.setRole(roleStarting, "")
		_ = k.db.kill(ctx, clients)
	}
	k.server.stop(40 * time.Second)
}

func (k *Keeper) turn(ctx context.Context) error {
	// Before anything is held: one that is gone takes its time not to answer, and a promotion must not wait for that.
	answering := k.peers.ask(ctx, k.configuration().others(), briefPath)
	k.mutex.Lock()
	k.answering = answering
	k.mutex.Unlock()
	k.acting.Lock()
	defer k.acting.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	if k.isStarted() && !k.server.running() {
		return errors.New("the server has ended by itself")
	}
	config := k.reread(ctx)
	mayFound, _ := config.mayFound(time.Now())
	view := View{Config: config, State: k.account(), Empty: k.lacksData(), Open: k.isOpen(), MayFound: mayFound, Peers: answering}
	action, state := decide(view)
	if err := k.adopt(ctx, state); err != nil {
		log.Print(err)
		return nil
	}
	if time.Now().Before(k.handing) && state.Source == config.Node {
		return nil
	}
	if err := k.perform(ctx, action); err != nil {
		k.say(err.Error())
		log.Print(err)
	}
	return nil
}

// reread takes over what the component says now of the set; what cannot be read is told, and the account from before holds.
func (k *Keeper) reread(ctx context.Context) Config {
	before := k.configuration()
	config, err := readConfig(filepath.Join(before.folder, "keeper.json"))
	if err != nil {
		log.Printf("what the set is cannot be read: %v", err)
		return before
	}
	if reflect.DeepEqual(config, before) {
		return before
	}
	log.Print("the set is another one now")
	k.mutex.Lock()
	k.config = config
	k.mutex.Unlock()
	if k.isOpen() {
		step, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := k.setSemiSync(step, k.account().Formed); err != nil {
			log.Print(err)
		}
	}
	return config
}

// adopt takes over a later account of who leads. A server that took writes until now may have some that nobody else has, and connections that
// wait for replicas which have left: it is ended on the spot, and comes back read-only.
func (k *Keeper) adopt(ctx context.Context, state State) error {
	before := k.account()
	if state == before {
		return nil
	}
	ends := k.isOpen() && state.Source != k.configuration().Node
	if ends {
		// First of all, so that a disk which takes no note leaves no second source.
		k.setRole(roleStarting, "another node leads")
		k.server.stop(0)
	}
	if err := state.save(stateFile); err != nil {
		return fmt.Errorf("who leads cannot be noted: %w", err)
	}
	k.mutex.Lock()
	k.state = state
	k.handing, k.fenced = time.Time{}, time.Time{}
	if state.Epoch != before.Epoch {
		k.extra, k.followed = "", State{}
	}
	k.mutex.Unlock()
	if state.Epoch != before.Epoch {
		log.Printf("epoch %d: %s leads", state.Epoch, state.Source)
	}
	return nil
}

func (k *Keeper) perform(ctx context.Context, action Action) error {
	switch action {
	case actFound:
		return k.found(ctx)
	case actClone:
		return k.clone(ctx)
	case actConflict:
		if k.isOpen() {
			// A polite end would wait for commits that replicas may never acknowledge.
			k.setRole(roleStarting, "")
			k.server.stop(0)
		}
		if err := k.ensureServer(ctx); err != nil {
			return err
		}
		k.setRole(roleConflict, "two nodes lead in the same epoch; promote one of them with --force")
		return k.shut(ctx)
	case actWait:
		k.setRole(roleWaiting, "")
		if k.lacksData() {
			return k.waitEmpty()
		}
		return errors.Join(k.ensureServer(ctx), k.shut(ctx))
	case actOpen:
		if err := k.ensureServer(ctx); err != nil {
			return err
		}
		if err := k.open(ctx); err != nil {
			return err
		}
		return k.formed(ctx)
	case actFollow:
		if err := k.ensureServer(ctx); err != nil {
			return err
		}
		return k.follow(ctx)
	}
	return nil
}

// ensureServer has the server run and answer; a recovery after a crash may take its time.
func (k *Keeper) ensureServer(ctx context.Context) error {
	if k.isStarted() {
		return nil
	}
	if !k.server.running() {
		if err := k.server.start(); err != nil {
			return err
		}
	}
	for k.server.running() {
		look, cancel := context.WithTimeout(ctx, patience)
		_, err := k.db.text(look, "SELECT 1")
		cancel()
		if err == nil {
			k.setRole(roleWaiting, "")
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the server does not start")
}

// open has the server take writes, from clients who wait for replicas once there have been some.
func (k *Keeper) open(ctx context.Context) error {
	step, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if k.isOpen() {
		return k.stayOpen(step)
	}
	if err := k.db.exec(step, "STOP REPLICA", "RESET REPLICA ALL"); err != nil {
		return err
	}
	if err := k.renewReplication(step); err != nil {
		return err
	}
	if err := k.setSemiSync(step, k.account().Formed); err != nil {
		return err
	}
	if err := k.db.exec(step, "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF"); err != nil {
		return err
	}
	k.setRole(roleSource, "")
	log.Print("takes writes")
	return nil
}

// stayOpen has a source take writes again that somebody has made read-only: a node that is not to lead is another one's, by a promotion.
func (k *Keeper) stayOpen(ctx context.Context) error {
	closed, err := k.db.text(ctx, "SELECT @@global.super_read_only OR @@global.read_only")
	if err != nil || closed == "0" {
		return err
	}
	log.Print("was made read-only by somebody, and takes writes again")
	return k.db.exec(ctx, "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF")
}

// shut has the server take none.
func (k *Keeper) shut(ctx context.Context) error {
	step, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return k.db.exec(step, "SET GLOBAL super_read_only = ON")
}

func (k *Keeper) setSemiSync(ctx context.Context, on bool) error {
	config := k.configuration()
	word := "OFF"
	if on && config.SemiSync {
		word = "ON"
	}
	return k.db.exec(ctx,
		fmt.Sprintf("SET GLOBAL rpl_semi_sync_source_wait_for_replica_count = %d", max(config.Acks, 1)),
		"SET GLOBAL rpl_semi_sync_source_enabled = "+word)
}

// formed has commits wait for replicas from the moment on that there are enough, and tells the server its users.
func (k *Keeper) formed(ctx context.Context) error {
	state, config := k.account(), k.configuration()
	if !state.Formed && (!config.SemiSync || k.acking(ctx) >= config.Acks) {
		step, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := k.setSemiSync(step, true); err != nil {
			return err
		}
		state.Formed = true
		if err := k.adopt(ctx, state); err != nil {
			return err
		}
	}
	return k.settle(ctx)
}

func (k *Keeper) acking(ctx context.Context) int {
	var status Status
	look, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := k.db.observe(look, &status); err != nil {
		return 0
	}
	return status.Acking
}

func (k *Keeper) configuration() Config {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.config
}

func (k *Keeper) account() State {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.state
}

// answered tells whether a node did so at the last look.
func (k *Keeper) answered(node string) bool {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return slices.ContainsFunc(k.answering, func(peer Status) bool { return peer.Node == node })
}

func (k *Keeper) setRole(role, said string) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.role, k.said = role, said
}

func (k *Keeper) say(said string) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.said = said
}

func (k *Keeper) isOpen() bool {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.role == roleSource
}

// isStarted tells whether the server has answered since it was started.
func (k *Keeper) isStarted() bool {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.role != roleStarting && k.role != roleCloning && k.server.exists()
}
