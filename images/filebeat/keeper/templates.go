package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
)

// Filebeat and Logstash put one template each, and write on when it is refused. The keeper puts one for each first part of the indices' names, and the
// relay lets nothing through before they are there: a day's index that is made without its template stays as it is.

const templatesFile = "templates.json"

// templates are those of the indices that are filled.
type templates struct {
	// One asks Elasticsearch at a time.
	asks sync.Mutex

	lock  sync.Mutex
	now   *templateSet
	put   bool
	fault error
}

type templateSet struct {
	settings settings
	all      map[string]json.RawMessage
}

// follow has these be put, over what is there.
func (t *templates) follow(s settings) error {
	set := &templateSet{settings: s}
	text, err := os.ReadFile(filepath.Join(s.folder, templatesFile))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if err == nil {
		if err := json.Unmarshal(text, &set.all); err != nil {
			return fmt.Errorf("%s: %w", templatesFile, err)
		}
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	t.now, t.put, t.fault = set, len(set.all) == 0, nil
	return nil
}

// ensure puts what has not been put yet.
func (t *templates) ensure(ctx context.Context) error {
	return t.care(ctx, false)
}

// renew puts what is gone as well, as it is where the servers are others than before.
func (t *templates) renew(ctx context.Context) error {
	return t.care(ctx, true)
}

func (t *templates) care(ctx context.Context, again bool) error {
	// Most who ask find them there, and wait for nobody.
	if set, put := t.current(); set == nil || put && !again {
		return nil
	}
	t.asks.Lock()
	defer t.asks.Unlock()
	set, put := t.current()
	if put && !again {
		return nil
	}
	err := set.place(ctx, put)
	t.lock.Lock()
	defer t.lock.Unlock()
	// What was taken up meanwhile is to be put yet; and who has stopped asking tells nothing of them.
	if set == t.now && (err == nil || ctx.Err() == nil) {
		t.put, t.fault = err == nil, err
	}
	return err
}

func (t *templates) current() (*templateSet, bool) {
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.now, t.put
}

// place puts all of them, or those alone that are gone.
func (s *templateSet) place(ctx context.Context, onlyGone bool) error {
	for name, text := range s.all {
		if onlyGone {
			_, err := s.settings.ask(ctx, http.MethodGet, templatePath(name), nil)
			if said := (statusError{}); err == nil {
				continue
			} else if !errors.As(err, &said) || said.status != http.StatusNotFound {
				return err
			}
		}
		if _, err := s.settings.ask(ctx, http.MethodPut, templatePath(name), text); err != nil {
			return err
		}
	}
	return nil
}

// told is why they are not there; empty where they are. Whether Elasticsearch has refused them tells if it is of use to wait.
func (t *templates) told() (words string, refused bool) {
	t.lock.Lock()
	defer t.lock.Unlock()
	switch said := (statusError{}); {
	case t.fault != nil:
		return t.fault.Error(), errors.As(t.fault, &said) && said.refuses()
	case !t.put:
		return "they are not put yet", false
	}
	return "", false
}

func templatePath(name string) string { return "/_index_template/" + url.PathEscape(name) }
