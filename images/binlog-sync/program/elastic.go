package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
)

// Elastic is a cluster of Elasticsearch: a node that does not answer is left alone for a while, and the next one is asked.
type Elastic struct {
	transport *elastictransport.Client
}

// operation is one document that is to be there, or to be gone where it has no content.
type operation struct {
	table    string
	index    string
	id       string
	version  int64
	document []byte
}

// size is about the bytes that it takes in a request.
func (o operation) size() int {
	return len(o.document) + len(o.id) + len(o.index) + 100
}

// requestTimeout is what one node gets for an answer: more than it waits by itself for a shard that is not there, see bulkPath.
const (
	requestTimeout = 10 * time.Second
	bulkPath       = "/_bulk?timeout=5s"
)

func newElastic(urls []string) (*Elastic, error) {
	nodes := make([]*url.URL, len(urls))
	for at, text := range urls {
		node, err := url.Parse(text)
		if err != nil {
			return nil, err
		}
		nodes[at] = node
	}
	transport, err := elastictransport.New(elastictransport.Config{
		URLs:          nodes,
		RetryOnStatus: []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests},
		// Every node once, also where the first ones do not answer in time.
		MaxRetries:   len(nodes),
		RetryOnError: func(request *http.Request, _ error) bool { return request.Context().Err() == nil },
		RetryBackoff: func(attempt int) time.Duration { return time.Duration(attempt) * 100 * time.Millisecond },
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
			ResponseHeaderTimeout: requestTimeout,
			MaxIdleConnsPerHost:   4,
		},
	})
	return &Elastic{transport}, err
}

// httpError is an answer that is none of success.
type httpError struct {
	status int
	said   string
}

func (e *httpError) Error() string {
	return fmt.Sprintf("Elasticsearch answers %d: %s", e.status, e.said)
}

func isStatus(err error, status int) bool {
	var answered *httpError
	return errors.As(err, &answered) && answered.status == status
}

func (e *Elastic) call(ctx context.Context, method, path string, body []byte, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(path, bulkPath) {
		request.Header.Set("Content-Type", "application/x-ndjson")
	}
	response, err := e.transport.Perform(request)
	if err != nil {
		return fmt.Errorf("Elasticsearch does not answer: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("Elasticsearch's answer broke off: %w", err)
	}
	if response.StatusCode >= 300 {
		return &httpError{response.StatusCode, fmt.Sprintf("%.500s", text)}
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

func (e *Elastic) callJSON(ctx context.Context, method, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return e.call(ctx, method, path, text, answer)
}

// errForeignIndex says that an index has documents of somebody else.
var errForeignIndex = errors.New("it has documents that are not of this service, which would take them out; name another index")

// ensureIndex makes an index where there is none, and adds what is declared of its fields where there is one of the same owner, or one without
// documents. It returns the index's own id, which another one of that name does not have.
func (e *Elastic) ensureIndex(ctx context.Context, name, owner string, declared Index) (string, error) {
	settings := map[string]any{
		// A change that was on its way to a node which stood still is held back by what is remembered of a document that is gone.
		"index.gc_deletes": "1h",
	}
	for key, value := range declared.Settings {
		settings[key] = value
	}
	mappings := map[string]any{"_meta": map[string]string{ownerKey: owner}}
	for key, value := range declared.Mappings {
		mappings[key] = value
	}
	err := e.callJSON(ctx, http.MethodPut, "/"+name, map[string]any{"settings": settings, "mappings": mappings}, nil)
	if isStatus(err, http.StatusBadRequest) && strings.Contains(err.Error(), "resource_already_exists_exception") {
		if err := e.checkOwner(ctx, name, owner); err != nil {
			return "", err
		}
		err = e.callJSON(ctx, http.MethodPut, "/"+name+"/_settings", map[string]any{"index.gc_deletes": settings["index.gc_deletes"]}, nil)
		if err == nil {
			err = e.callJSON(ctx, http.MethodPut, "/"+name+"/_mapping", mappings, nil)
		}
	}
	if err != nil {
		return "", err
	}
	ids, err := e.indexIDs(ctx, []string{name})
	return ids[name], err
}

// ownerKey is under what an index's mapping notes whose documents it has.
const ownerKey = "dockyard"

func (e *Elastic) checkOwner(ctx context.Context, name, owner string) error {
	var answer map[string]struct {
		Mappings struct {
			Meta map[string]any `json:"_meta"`
		} `json:"mappings"`
	}
	if err := e.call(ctx, http.MethodGet, "/"+name+"/_mapping", nil, &answer); err != nil {
		return err
	}
	for _, index := range answer {
		if index.Mappings.Meta[ownerKey] == owner {
			return nil
		}
	}
	var documents struct {
		Count int `json:"count"`
	}
	if err := e.call(ctx, http.MethodGet, "/"+name+"/_count", nil, &documents); err != nil {
		return err
	}
	if documents.Count > 0 {
		return errForeignIndex
	}
	return nil
}

// indexIDs are the ids of those indices that are there.
func (e *Elastic) indexIDs(ctx context.Context, names []string) (map[string]string, error) {
	var answer map[string]struct {
		Settings map[string]string `json:"settings"`
	}
	path := "/" + strings.Join(names, ",") + "/_settings/index.uuid?flat_settings=true&ignore_unavailable=true"
	if err := e.call(ctx, http.MethodGet, path, nil, &answer); err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for name, index := range answer {
		ids[name] = index.Settings["index.uuid"]
	}
	return ids, nil
}

type page struct {
	Scroll string `json:"_scroll_id"`
	Shards struct {
		Failed int `json:"failed"`
	} `json:"_shards"`
	Hits struct {
		Hits []struct {
			ID      string `json:"_id"`
			Version int64  `json:"_version"`
		} `json:"hits"`
	} `json:"hits"`
}

// older hands over the ids of those documents in an index whose versions are below one.
func (e *Elastic) older(ctx context.Context, index string, version int64, ours func(id string) bool, each func(ids []string) error) error {
	var found page
	// What was just written is to be seen.
	if err := e.call(ctx, http.MethodPost, "/"+index+"/_refresh", nil, &found); err != nil {
		return err
	}
	if found.Shards.Failed > 0 {
		return fmt.Errorf("%d shards of %s do not answer", found.Shards.Failed, index)
	}
	first := map[string]any{"size": 5000, "sort": []string{"_doc"}, "version": true, "_source": false}
	if err := e.callJSON(ctx, http.MethodPost, "/"+index+"/_search?scroll=1m&allow_partial_search_results=false", first, &found); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
		defer cancel()
		_ = e.callJSON(ctx, http.MethodDelete, "/_search/scroll", map[string]string{"scroll_id": found.Scroll}, nil)
	}()
	for len(found.Hits.Hits) > 0 {
		if found.Shards.Failed > 0 {
			return fmt.Errorf("%d shards of %s do not answer", found.Shards.Failed, index)
		}
		var ids []string
		for _, hit := range found.Hits.Hits {
			if hit.Version < version && ours(hit.ID) {
				ids = append(ids, hit.ID)
			}
		}
		if len(ids) > 0 {
			if err := each(ids); err != nil {
				return err
			}
		}
		next := map[string]string{"scroll": "1m", "scroll_id": found.Scroll}
		found.Hits.Hits = nil
		if err := e.callJSON(ctx, http.MethodPost, "/_search/scroll", next, &found); err != nil {
			return err
		}
	}
	return nil
}

func sleep(ctx context.Context, pause time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pause):
		return nil
	}
}
