package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// elasticsearchSystem is a cluster of Elasticsearch: a part is a snapshot of its own, in a repository that is made for it in the folder which
// the nodes and this program share, and removed again.
type elasticsearchSystem struct{ config ElasticsearchConfig }

// snapshotName is that of the one snapshot in each repository.
const snapshotName = "set"

func (s *elasticsearchSystem) name() string { return systemElasticsearch }
func (s *elasticsearchSystem) file() string { return "elasticsearch.tar" }

func (s *elasticsearchSystem) web() *web { return newWeb("Elasticsearch", s.config.Nodes, "", "") }

func (s *elasticsearchSystem) version(ctx context.Context) (string, error) {
	var self struct {
		Version struct {
			Number string `json:"number"`
		} `json:"version"`
	}
	if err := s.web().ask(ctx, http.MethodGet, "/", nil, &self); err != nil {
		return "", err
	}
	// A node answers that without a master.
	if err := s.web().ask(ctx, http.MethodGet, "/_cat/master?format=json", nil, nil); err != nil {
		return "", err
	}
	probe, err := os.CreateTemp(s.config.Folder, ".probe-")
	if err == nil {
		err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	}
	if err != nil {
		return "", fmt.Errorf("elasticsearch: the folder of its snapshots cannot be written: %w", err)
	}
	return self.Version.Number, nil
}

// indices are the names of those that belong into a set: neither the server's own, nor what is excluded.
func (s *elasticsearchSystem) indices(ctx context.Context) ([]string, error) {
	var rows []struct {
		Index string `json:"index"`
	}
	if err := s.web().ask(ctx, http.MethodGet, "/_cat/indices?h=index&format=json", nil, &rows); err != nil {
		return nil, err
	}
	var names []string
	for _, row := range rows {
		names = append(names, row.Index)
	}
	slices.Sort(names)
	return s.own(names), nil
}

// own are those of the indices that are data of their own.
func (s *elasticsearchSystem) own(names []string) []string {
	var own []string
	for _, name := range names {
		if !strings.HasPrefix(name, ".") && !matches(s.config.Exclude, name) {
			own = append(own, name)
		}
	}
	return own
}

// repository is a folder for one purpose while work is done; what is left over from a run that was cut is removed first.
func (s *elasticsearchSystem) repository(ctx context.Context, purpose string, fill func(folder string) error, work func(name, folder string) error) (err error) {
	name := "backup-" + purpose
	folder := filepath.Join(s.config.Folder, name)
	remove := func(ctx context.Context) error {
		fault := s.web().ask(ctx, http.MethodDelete, "/_snapshot/"+name, nil, nil)
		if absent(fault) {
			fault = nil
		}
		return errors.Join(fault, os.RemoveAll(folder))
	}
	if err := remove(ctx); err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	defer func() {
		// What was cancelled is cleaned up all the same.
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, remove(clean))
	}()
	if fill != nil {
		if err := fill(folder); err != nil {
			return err
		}
	}
	settings := map[string]any{"location": path.Join(s.config.Location, name), "readonly": fill != nil}
	if err := s.web().ask(ctx, http.MethodPut, "/_snapshot/"+name, map[string]any{"type": "fs", "settings": settings}, nil); err != nil {
		return err
	}
	return work(name, folder)
}

func (s *elasticsearchSystem) save(ctx context.Context, into io.Writer) (Part, error) {
	part := Part{At: time.Now().UTC()}
	var err error
	if part.Names, err = s.indices(ctx); err != nil {
		return part, err
	}
	archive := tar.NewWriter(into)
	part.Holds = counted(len(part.Names), "index")
	if len(part.Names) == 0 {
		return part, archive.Close()
	}
	err = s.repository(ctx, "save", nil, func(name, folder string) error {
		if err := s.snapshot(ctx, name, part.Names); err != nil {
			return err
		}
		return pack(folder, archive)
	})
	return part, errors.Join(err, archive.Close())
}

// snapshotWish is what is asked of a snapshot and of its restore: these indices, all of their shards, and none of the cluster's settings.
func snapshotWish(indices []string) map[string]any {
	return map[string]any{"indices": strings.Join(indices, ","), "include_global_state": false, "partial": false}
}

func (s *elasticsearchSystem) snapshot(ctx context.Context, repository string, indices []string) error {
	var answer struct {
		Snapshot struct {
			State    string `json:"state"`
			Failures []any  `json:"failures"`
		} `json:"snapshot"`
	}
	path := "/_snapshot/" + repository + "/" + snapshotName + "?wait_for_completion=true"
	if err := s.web().ask(ctx, http.MethodPut, path, snapshotWish(indices), &answer); err != nil {
		return err
	}
	if answer.Snapshot.State != "SUCCESS" {
		return fmt.Errorf("the snapshot of Elasticsearch ended as %s: %v", answer.Snapshot.State, answer.Snapshot.Failures)
	}
	return nil
}

func (s *elasticsearchSystem) prepare(ctx context.Context, part Part, _ opener) (plan, error) {
	var does plan
	running, err := s.version(ctx)
	if err != nil {
		return does, err
	}
	if err := refuseOlder("Elasticsearch", running, part.Version); err != nil {
		return does, err
	}
	there, err := s.indices(ctx)
	if err != nil {
		return does, err
	}
	names := s.own(part.Names)
	if len(names) == 0 {
		does.Does = "there is no index in the set"
		return does, nil
	}
	var replaced []string
	for _, name := range names {
		if slices.Contains(there, name) {
			replaced = append(replaced, name)
		}
	}
	does.Replaces = strings.Join(replaced, ", ")
	does.Does = "each index becomes what it was: " + strings.Join(names, ", ")
	return does, nil
}

// load replaces each index of the set. The snapshot is read before an index is touched.
func (s *elasticsearchSystem) load(ctx context.Context, part Part, from opener) error {
	names := s.own(part.Names)
	if len(names) == 0 {
		return nil
	}
	fill := func(folder string) error {
		reader, err := from()
		if err != nil {
			return err
		}
		defer reader.Close()
		return unpack(reader, folder)
	}
	return s.repository(ctx, "load", fill, func(repository, _ string) error {
		if err := s.finds(ctx, repository); err != nil {
			return err
		}
		there, err := s.indices(ctx)
		if err != nil {
			return err
		}
		for _, index := range names {
			if slices.Contains(there, index) {
				if err := s.web().ask(ctx, http.MethodDelete, "/"+index, nil, nil); err != nil && !absent(err) {
					return err
				}
			}
		}
		return s.bringBack(ctx, repository, names)
	})
}

// finds makes sure that the nodes see the snapshot.
func (s *elasticsearchSystem) finds(ctx context.Context, repository string) error {
	var status struct {
		Snapshots []struct {
			State string `json:"state"`
		} `json:"snapshots"`
	}
	if err := s.web().ask(ctx, http.MethodGet, "/_snapshot/"+repository+"/"+snapshotName, nil, &status); err != nil {
		return err
	}
	if len(status.Snapshots) != 1 || status.Snapshots[0].State != "SUCCESS" {
		return errors.New("elasticsearch does not find the snapshot of the set")
	}
	return nil
}

func (s *elasticsearchSystem) bringBack(ctx context.Context, repository string, indices []string) error {
	var answer struct {
		Snapshot struct {
			Shards struct {
				Total  int `json:"total"`
				Failed int `json:"failed"`
			} `json:"shards"`
		} `json:"snapshot"`
	}
	path := "/_snapshot/" + repository + "/" + snapshotName + "/_restore?wait_for_completion=true"
	if err := s.web().ask(ctx, http.MethodPost, path, snapshotWish(indices), &answer); err != nil {
		return err
	}
	if failed := answer.Snapshot.Shards.Failed; failed > 0 {
		return fmt.Errorf("elasticsearch: %d of %d shards were not brought back", failed, answer.Snapshot.Shards.Total)
	}
	return nil
}
