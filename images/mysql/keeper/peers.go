package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Peers asks the keepers of other nodes.
type Peers struct {
	client *http.Client
}

// peerPatience is how long another node may take to tell of itself.
const peerPatience = 700 * time.Millisecond

func newPeers() *Peers {
	dialer := &net.Dialer{Timeout: 400 * time.Millisecond}
	return &Peers{&http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second}}}
}

const (
	statusPath = "/status"
	// briefPath leaves out what the server has to be asked for. A keeper that does not know it tells all.
	briefPath = statusPath + "?brief"
)

func (p *Peers) status(ctx context.Context, address string) (Status, error) {
	return p.tell(ctx, address, statusPath)
}

func (p *Peers) tell(ctx context.Context, address, path string) (Status, error) {
	var status Status
	ctx, cancel := context.WithTimeout(ctx, peerPatience)
	defer cancel()
	return status, p.call(ctx, http.MethodGet, address, path, "", nil, &status)
}

// ask returns what those tell who answer.
func (p *Peers) ask(ctx context.Context, members []Member, path string) []Status {
	answers := make([]*Status, len(members))
	var asked sync.WaitGroup
	for index, member := range members {
		asked.Add(1)
		go func() {
			defer asked.Done()
			if status, err := p.tell(ctx, member.Address, path); err == nil {
				answers[index] = &status
			}
		}()
	}
	asked.Wait()
	var statuses []Status
	for _, answer := range answers {
		if answer != nil {
			statuses = append(statuses, *answer)
		}
	}
	return statuses
}

// call sends a request to a node's keeper and reads its answer, which is an error where it says so.
func (p *Peers) call(ctx context.Context, method, address, path, token string, body, answer any) error {
	sent, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://%s:%d%s", address, rolePort, path), bytes.NewReader(sent))
	if err != nil {
		return err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", bytes.TrimSpace(text))
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
