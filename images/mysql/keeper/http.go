package main

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// serve tells of the node's role, and takes the requests of other nodes and of the command line, which know the token.
func (k *Keeper) serve() error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+statusPath, func(w http.ResponseWriter, r *http.Request) {
		status := k.brief()
		if r.URL.RawQuery == "" {
			status = k.status(r.Context())
		}
		answer(w, status, nil)
	})
	// What balancers ask: a connection goes where the answer is 200.
	mux.HandleFunc("GET /source", func(w http.ResponseWriter, _ *http.Request) { verdict(w, k.isOpen()) })
	mux.HandleFunc("GET /replica", func(w http.ResponseWriter, r *http.Request) { verdict(w, k.mayBeRead(r.Context())) })
	post(mux, k, "/hand-over", func(ctx context.Context, asked handOver) (any, error) { return k.keepStill(ctx, asked) })
	post(mux, k, "/resume", func(ctx context.Context, asked handOver) (any, error) { return struct{}{}, k.resume(ctx, asked) })
	post(mux, k, "/fence", func(ctx context.Context, asked handOver) (any, error) { return k.fence(ctx, asked) })
	post(mux, k, "/yield", func(ctx context.Context, state State) (any, error) { return struct{}{}, k.yield(ctx, state) })
	post(mux, k, "/follow", func(ctx context.Context, state State) (any, error) { return struct{}{}, k.hear(ctx, state) })
	post(mux, k, "/promote", func(ctx context.Context, asked promotion) (any, error) { return struct{}{}, k.runPromotion(ctx, asked) })
	post(mux, k, "/rejoin", func(ctx context.Context, asked rejoining) (any, error) { return k.rejoin(ctx, asked.Discard) })
	post(mux, k, "/received", func(ctx context.Context, asked receiving) (any, error) { return struct{}{}, k.received(ctx, asked) })
	post(mux, k, "/settled", func(context.Context, struct{}) (any, error) { return struct{}{}, k.unsettled() })
	listener, err := net.Listen("tcp", ":"+strconv.Itoa(rolePort))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { log.Fatal(server.Serve(listener)) }()
	return nil
}

type promotion struct {
	Force      bool `json:"force"`
	AcceptLoss bool `json:"acceptLoss"`
}

func (k *Keeper) runPromotion(ctx context.Context, asked promotion) error {
	// Once begun it is done or taken back, also where the one who asked is gone.
	ctx = context.WithoutCancel(ctx)
	if asked.Force {
		return k.force(ctx, asked.AcceptLoss)
	}
	return k.promote(ctx)
}

// mayBeRead tells whether reads may come here: to a replica that is not further behind than they allow, and to the source while there is no such
// replica.
func (k *Keeper) mayBeRead(ctx context.Context) bool {
	config := k.configuration()
	if !k.isOpen() {
		status := k.status(ctx)
		// While another node takes the place of the source nobody receives anything, and what there is does not become old at once.
		return status.serves(config.LagSeconds) || (status.Role == roleReplica && status.Executed != "" && k.isCurrent())
	}
	// One that is gone takes its time not to answer: longer than a balancer may wait for what it asks here.
	gone := func(member Member) bool { return !k.answered(member.Name) }
	for _, peer := range k.peers.ask(ctx, slices.DeleteFunc(config.others(), gone), statusPath) {
		if peer.serves(config.LagSeconds) {
			return false
		}
	}
	return true
}

func post[T any](mux *http.ServeMux, k *Keeper, path string, handle func(context.Context, T) (any, error)) {
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		tokens, err := k.configuration().accepted("keeper-token")
		given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		knows := func(token string) bool {
			return token != "" && subtle.ConstantTimeCompare([]byte(given), []byte(token)) == 1
		}
		if err != nil || !slices.ContainsFunc(tokens, knows) {
			http.Error(w, "who asks this must know the token", http.StatusForbidden)
			return
		}
		var asked T
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&asked); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		result, err := handle(r.Context(), asked)
		answer(w, result, err)
	})
}

func answer(w http.ResponseWriter, result any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(result); err != nil {
		log.Print(err)
	}
}

func verdict(w http.ResponseWriter, holds bool) {
	if !holds {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	fmt.Fprintln(w, holds)
}
