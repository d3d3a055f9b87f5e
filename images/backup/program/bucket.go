package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// bucketTarget keeps sets as objects whose names begin with their ids.
type bucketTarget struct {
	client               *minio.Client
	bucket, prefix, host string
}

const (
	secretKeyFile = "bucket-secret-key"
	// partSize is how much of an object whose size is not known is sent at once; it is in memory meanwhile.
	partSize = 16 << 20
	// abandoned is the age of objects without a manifest that nobody writes any more.
	abandoned = 24 * time.Hour
)

func openBucket(config Config) (Target, error) {
	given := config.Target.Bucket
	endpoint, err := url.Parse(given.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("target.bucket.endpoint: %w", err)
	}
	secret, err := config.secret(secretKeyFile)
	if err != nil {
		return nil, err
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(given.AccessKey, secret, ""),
		Secure: endpoint.Scheme == "https",
		Region: given.Region,
		// By itself it tries for minutes; who waits is told sooner, and what is scheduled is tried again.
		MaxRetries: 3,
	})
	if err != nil {
		return nil, err
	}
	return &bucketTarget{client, given.Name, strings.Trim(given.Prefix, "/"), endpoint.Host}, nil
}

func (t *bucketTarget) String() string {
	return strings.TrimSuffix("s3://"+t.bucket+"/"+t.prefix, "/")
}

func (t *bucketTarget) key(name string) string {
	return strings.TrimPrefix(path.Join(t.prefix, name), "/")
}

// said turns what the server answers into words for people.
func (t *bucketTarget) said(err error) error {
	if err == nil {
		return nil
	}
	answer := minio.ToErrorResponse(err)
	if answer.StatusCode == http.StatusNotFound && answer.Code == "NoSuchKey" {
		return errAbsent
	}
	return fmt.Errorf("%s at %s: %w", t, t.host, err)
}

func (t *bucketTarget) writable(ctx context.Context) error {
	name := ".probe"
	err := t.put(ctx, name, strings.NewReader("probe"))
	if err == nil {
		err = t.remove(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("the target cannot be written: %w", err)
	}
	return nil
}

type bucketDraft struct {
	target *bucketTarget
	ctx    context.Context
	id     string
}

func (t *bucketTarget) begin(ctx context.Context, id string) (Draft, error) {
	names, err := t.files(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("there is a set %s already", id)
	}
	return &bucketDraft{t, ctx, id}, nil
}

// upload is an object that is sent while it is written; it is there when it was closed without an error.
type upload struct {
	*io.PipeWriter
	done chan error
}

func (u upload) Close() error {
	return errors.Join(u.PipeWriter.Close(), <-u.done)
}

func (d *bucketDraft) create(name string) (io.WriteCloser, error) {
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := d.target.send(d.ctx, path.Join(d.id, name), reader, -1)
		reader.CloseWithError(err)
		done <- err
	}()
	return upload{writer, done}, nil
}

func (d *bucketDraft) commit(manifest []byte) error {
	return d.target.send(d.ctx, path.Join(d.id, manifestName), bytes.NewReader(manifest), int64(len(manifest)))
}

func (d *bucketDraft) discard() error {
	// What was cancelled is cleaned up all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.ctx), time.Minute)
	defer cancel()
	return d.target.removeBelow(ctx, d.id)
}

func (t *bucketTarget) send(ctx context.Context, name string, content io.Reader, size int64) error {
	_, err := t.client.PutObject(ctx, t.bucket, t.key(name), content, size, minio.PutObjectOptions{PartSize: partSize})
	return t.said(err)
}

func (t *bucketTarget) sets(ctx context.Context) ([]string, error) {
	names, err := t.files(ctx, "")
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, name := range names {
		if id, file, _ := strings.Cut(name, "/"); file == manifestName && setID.MatchString(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

func (t *bucketTarget) open(ctx context.Context, name string) (io.ReadCloser, error) {
	object, err := t.client.GetObject(ctx, t.bucket, t.key(name), minio.GetObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, t.said(err))
	}
	// The request is made with the first look at it.
	if _, err := object.Stat(); err != nil {
		object.Close()
		return nil, fmt.Errorf("%s: %w", name, t.said(err))
	}
	return object, nil
}

// put sends what is small at once, with its size; either way an object is there whole or not at all.
func (t *bucketTarget) put(ctx context.Context, name string, content io.Reader) error {
	start, err := io.ReadAll(io.LimitReader(content, partSize))
	if err != nil {
		return err
	}
	if len(start) < partSize {
		return t.send(ctx, name, bytes.NewReader(start), int64(len(start)))
	}
	return t.send(ctx, name, io.MultiReader(bytes.NewReader(start), content), -1)
}

func (t *bucketTarget) files(ctx context.Context, folder string) ([]string, error) {
	prefix := t.key(folder)
	if prefix != "" {
		prefix += "/"
	}
	var names []string
	for object := range t.client.ListObjects(ctx, t.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if object.Err != nil {
			return nil, t.said(object.Err)
		}
		names = append(names, strings.TrimPrefix(strings.TrimPrefix(object.Key, t.prefix), "/"))
	}
	slices.Sort(names)
	return names, nil
}

func (t *bucketTarget) remove(ctx context.Context, name string) error {
	return t.said(t.client.RemoveObject(ctx, t.bucket, t.key(name), minio.RemoveObjectOptions{}))
}

// removeSet takes the manifest first: what is left after a cut is swept later.
func (t *bucketTarget) removeSet(ctx context.Context, id string) error {
	if err := t.remove(ctx, path.Join(id, manifestName)); err != nil {
		return err
	}
	return t.removeBelow(ctx, id)
}

func (t *bucketTarget) removeBelow(ctx context.Context, folder string) error {
	names, err := t.files(ctx, folder)
	if err != nil {
		return err
	}
	var faults []error
	for _, name := range names {
		faults = append(faults, t.remove(ctx, name))
	}
	return errors.Join(faults...)
}

// sweep leaves what is young: several stacks may write into one bucket, and a draft of theirs looks the same.
func (t *bucketTarget) sweep(ctx context.Context) error {
	names, err := t.files(ctx, "")
	if err != nil {
		return err
	}
	whole, seen := map[string]bool{}, map[string]bool{}
	for _, name := range names {
		id, file, _ := strings.Cut(name, "/")
		if setID.MatchString(id) {
			seen[id] = true
			whole[id] = whole[id] || file == manifestName
		}
	}
	var faults []error
	for id := range seen {
		began, err := beganOf(id)
		if err == nil && !whole[id] && time.Since(began) > abandoned {
			faults = append(faults, t.removeBelow(ctx, id))
		}
	}
	return errors.Join(faults...)
}
