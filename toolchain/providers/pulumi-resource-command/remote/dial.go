package remote

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"golang.org/x/crypto/ssh"
)

// The pause between two attempts to connect grows from minPause to maxPause.
const (
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

// dialer opens a network connection, as net.Dialer and ssh.Client do.
type dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// dial connects to the server, through the bastion host if there is one. The
// caller calls the returned function when it no longer needs the client.
func (c Connection) dial(ctx context.Context) (*ssh.Client, func(), error) {
	if c.Proxy == nil {
		client, err := c.Endpoint.dial(ctx, &net.Dialer{})
		if err != nil {
			return nil, nil, err
		}
		return client, func() { _ = client.Close() }, nil
	}
	bastion, err := c.Proxy.Endpoint.dial(ctx, &net.Dialer{})
	if err != nil {
		return nil, nil, fmt.Errorf("proxy: %w", err)
	}
	client, err := c.Endpoint.dial(ctx, bastion)
	if err != nil {
		_ = bastion.Close()
		return nil, nil, err
	}
	return client, func() { _ = client.Close(); _ = bastion.Close() }, nil
}

// dial connects to the endpoint by way of via, again and again until it works
// or more than dialErrorLimit attempts have failed.
func (e Endpoint) dial(ctx context.Context, via dialer) (*ssh.Client, error) {
	config, err := e.clientConfig()
	if err != nil {
		return nil, err
	}
	limit := valueOr(e.DialErrorLimit, defaultDialErrorLimit)
	pause := minPause
	for failures := 1; ; failures++ {
		client, err := e.dialOnce(ctx, via, config)
		if err == nil {
			return client, nil
		}
		if ctx.Err() != nil || (limit >= 0 && failures > limit) {
			return nil, fmt.Errorf("connecting to %s: %w (attempt %d)", e.address(), err, failures)
		}
		p.GetLogger(ctx).InfoStatusf("connecting to %s: attempt %d failed: %v", e.address(), failures, err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(pause*3/2, maxPause)
	}
}

func (e Endpoint) dialOnce(ctx context.Context, via dialer, config *ssh.ClientConfig) (*ssh.Client, error) {
	if config.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, config.Timeout)
		defer cancel()
	}
	conn, err := via.DialContext(ctx, "tcp", e.address())
	if err != nil {
		return nil, err
	}
	// The handshake has no context of its own: end it by closing the connection.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	sshConn, channels, requests, err := ssh.NewClientConn(conn, e.address(), config)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return ssh.NewClient(sshConn, channels, requests), nil
}

func (e Endpoint) address() string {
	return net.JoinHostPort(e.Host, strconv.Itoa(int(valueOr(e.Port, defaultPort))))
}
