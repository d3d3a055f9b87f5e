package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	lookEvery = time.Second
	// Filebeat looks for changed inputs once a second, and has then one more to start them.
	inputsSettle = 3 * time.Second
)

type keeper struct {
	paths
	faults    faults
	known     listing
	settings  settings
	own       [sha256.Size]byte
	outdated  bool // Filebeat runs with what it read before
	child     *child
	report    report
	kept      chan settings
	templates templates
	relay     *relay
	reborn    suspicion
	held      *held
	acked     uint64
}

func newKeeper(p paths) *keeper {
	k := &keeper{paths: p, known: listing{}, kept: make(chan settings, 1)}
	k.held = newHeld(filepath.Join(p.run, "held"), (&notes{data: p.data, rest: notesRest}).all)
	k.relay = newRelay(func(ctx context.Context, connects bool) error {
		if connects {
			return k.templates.renew(ctx)
		}
		return k.templates.ensure(ctx)
	})
	return k
}

func (k *keeper) inputs() string { return filepath.Join(k.paths.run, "inputs") }

func (k *keeper) run(ctx context.Context) error {
	log.SetFlags(log.LstdFlags | log.LUTC)
	go keepIndices(ctx, &k.templates, k.kept)
	if err := k.look(); err != nil {
		return err
	}
	if err := k.restart(); err != nil {
		return err
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGHUP)
	for {
		var err error
		select {
		case <-ctx.Done():
			k.child.stop()
			return nil
		case <-k.child.ended:
			// With the keeper goes what it holds.
			if files, _ := k.held.waiting(); files == 0 {
				return k.child.fault()
			}
			log.Printf("Filebeat is started again, and not the container, for what is kept: %v", k.child.fault())
			time.Sleep(lookEvery)
			err = k.restart()
		case <-ticker.C:
			err = k.look()
		case <-asked:
			err = k.look()
		}
		if err != nil {
			// What was taken up goes on.
			log.Print(err)
		}
	}
}

// look takes up what has changed: the configuration, the containers.
func (k *keeper) look() error {
	folder, err := currentFolder(k.paths)
	if err != nil {
		return err
	}
	if folder != k.settings.folder {
		if err := k.takeUp(folder); err != nil {
			return err
		}
	}
	var containers []container
	if of := k.settings.Containers; of != nil {
		if containers, err = k.known.look(of.Root, of.Stack); err != nil {
			return err
		}
		reading, err := k.reading()
		if err != nil {
			return err
		}
		if err := k.held.look(of.Root, k.known, of.read(containers), reading); err != nil {
			return err
		}
		k.report.Lossy = lossy(of.read(containers))
	}
	wanted := wantedInputs(k.settings, containers, k.held.links)
	changed, err := writeInputs(k.inputs(), wanted, k.unread, k.adopt)
	if err != nil {
		return err
	}
	if changed {
		k.report.Changed = time.Now()
	}
	if k.outdated && k.child != nil {
		err = k.restart()
	} else {
		err = k.forgetWhatIsStale()
	}
	if err != nil {
		return err
	}
	return k.tell()
}

// adopt has what Filebeat has open be found again when that has closed it, also where its name is gone or goes.
func (k *keeper) adopt() error {
	if k.child == nil || k.settings.Containers == nil {
		return nil
	}
	reading, err := k.reading()
	if err != nil {
		return err
	}
	return k.held.adopt(reading, k.settings.Containers.Root)
}

// restart has Filebeat begin anew: with what it has open kept, and with what it knows wrongly forgotten.
func (k *keeper) restart() error {
	if k.child != nil {
		if err := k.adopt(); err != nil {
			return err
		}
		k.child.stop()
	}
	globs, err := inputGlobs(k.inputs())
	if err != nil {
		return err
	}
	if err := k.forget(globs); err != nil {
		return err
	}
	k.faults.taken()
	k.acked = 0
	if k.child, err = startChild(k.paths, k.settings.folder, &k.faults); err == nil {
		k.outdated = false
	}
	return err
}

// forgetWhatIsStale restarts Filebeat where a file is new under the number of another one and Filebeat has not noticed it: while its output takes
// nothing it does not look, and what it would go on with then is not what it knows.
func (k *keeper) forgetWhatIsStale() error {
	globs, err := inputGlobs(k.inputs())
	if err != nil {
		return err
	}
	born, err := birthTimes(globs)
	if err != nil {
		return err
	}
	if !k.reborn.after(born, time.Now()) || k.child == nil {
		return nil
	}
	stale, _, err := staleStates(k.data, globs)
	if err != nil {
		return err
	}
	if len(stale) > 0 {
		if err := k.restart(); err != nil {
			return err
		}
	}
	k.reborn.seen()
	return nil
}

func (k *keeper) forget(globs []string) error {
	forgotten, err := forgetReborn(k.data, globs)
	if err != nil {
		return fmt.Errorf("what Filebeat remembers cannot be read: %w", err)
	}
	if forgotten > 0 {
		log.Printf("%d files are new under the number of another one, and are read from their beginning", forgotten)
	}
	return nil
}

func (k *keeper) takeUp(folder string) error {
	next, err := readSettings(folder)
	if err != nil {
		return err
	}
	own, err := digestOf(folder)
	if err != nil {
		return err
	}
	if err := k.templates.follow(next); err != nil {
		return err
	}
	if err := k.relay.follow(next.Relay); err != nil {
		return err
	}
	k.outdated = k.outdated || own != k.own
	k.settings, k.own = next, own
	k.report.Folder, k.report.Changed = folder, time.Now()
	_ = os.Remove(filepath.Join(k.paths.run, "refused"))
	// What has not been looked at is outdated.
	select {
	case <-k.kept:
	default:
	}
	k.kept <- next
	return nil
}

// unread tells whether there is something left to read of a container that is gone, by Filebeat's having a file of it open or one to open; where
// nobody knows, there may be. Of one that is there nobody wants to read more.
func (k *keeper) unread(id string) bool {
	if _, there := k.known[id]; there {
		return false
	}
	if k.held.of(id) {
		return true
	}
	reading, err := k.reading()
	if err != nil {
		return true
	}
	for _, file := range reading {
		if strings.Contains(file.path, id) {
			return true
		}
	}
	return false
}

// reading are the files of containers that Filebeat has open.
func (k *keeper) reading() (map[fileNumber]openFile, error) {
	if k.child == nil || k.settings.Containers == nil {
		return nil, nil
	}
	return openFiles(k.child.command.Process.Pid, k.settings.Containers.Root)
}
