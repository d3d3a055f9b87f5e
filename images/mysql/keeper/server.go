package main

import (
	"errors"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Server is the process of the database.
type Server struct {
	config string
	mutex  sync.Mutex
	child  *exec.Cmd
	ended  chan struct{}
}

// initFile has root come in over the socket as the system's user alone, with no password that could be known. It runs before any connection
// is taken, and nothing of it is replicated.
const initFile = `SET sql_log_bin = 0;
SET GLOBAL super_read_only = OFF;
ALTER USER root@localhost IDENTIFIED WITH auth_socket AS 'mysql';
SET GLOBAL super_read_only = ON;
`

const initPath = "/run/mysqld/init.sql"

// empty tells whether there is no data. A folder that was not finished is none: the marker is written last.
func empty() bool {
	_, err := os.Stat(filepath.Join(datadir, initializedMarker))
	return err != nil
}

const initializedMarker = "auto.cnf"

// initialize makes an empty database; what a run that was cut has left of one is removed first.
func (s *Server) initialize() error {
	part := datadir + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if _, err := os.Stat(datadir); err == nil {
		if err := os.Remove(datadir); err != nil {
			return errors.New(datadir + " holds something that is no database: " + err.Error())
		}
	}
	command := exec.Command("mysqld", "--defaults-file="+s.config, "--datadir="+part, "--initialize-insecure", "--super-read-only=OFF")
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if err := command.Run(); err != nil {
		return err
	}
	return os.Rename(part, datadir)
}

// start runs the server; Ended is closed when it has ended.
func (s *Server) start() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := os.WriteFile(initPath, []byte(initFile), 0o600); err != nil {
		return err
	}
	child := exec.Command("mysqld", "--defaults-file="+s.config, "--init-file="+initPath)
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	// A server that is cloned into ends to be started again, and only says so to who watches over it.
	child.Env = append(os.Environ(), "MYSQLD_PARENT_PID="+"1")
	if err := child.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	s.child, s.ended = child, ended
	go func() {
		err := child.Wait()
		log.Printf("the server has ended: %v", err)
		close(ended)
	}()
	return nil
}

// exists tells whether the server was ever started.
func (s *Server) exists() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.child != nil
}

func (s *Server) running() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.child == nil {
		return false
	}
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// stop ends the server: cleanly where it does within the time, else as a crash, after which it is as safe.
func (s *Server) stop(patience time.Duration) {
	s.mutex.Lock()
	child, ended := s.child, s.ended
	s.mutex.Unlock()
	if child == nil {
		return
	}
	if patience > 0 {
		_ = child.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
			return
		case <-time.After(patience):
			log.Printf("the server does not end within %s: it is killed", patience)
		}
	}
	_ = child.Process.Kill()
	<-ended
}
