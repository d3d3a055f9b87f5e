package main

import (
	"context"
	"errors"
	"io"
)

// Target keeps sets and what belongs to them. Names are paths with slashes.
type Target interface {
	// writable tries to write, and says why that cannot be.
	writable(ctx context.Context) error
	// begin makes a draft of a set, which nobody sees before it is committed.
	begin(ctx context.Context, id string) (Draft, error)
	// sets are the ids of all that were committed, the oldest first.
	sets(ctx context.Context) ([]string, error)
	// open reads a file; errAbsent says that there is none.
	open(ctx context.Context, name string) (io.ReadCloser, error)
	// put writes a file, which is there whole or not at all.
	put(ctx context.Context, name string, content io.Reader) error
	// files are the names of all files below a folder, in order.
	files(ctx context.Context, folder string) ([]string, error)
	remove(ctx context.Context, name string) error
	// removeSet removes a whole set, which is none from the first moment on.
	removeSet(ctx context.Context, id string) error
	// sweep removes what runs of this stack have left that were cut.
	sweep(ctx context.Context) error
	// String is what people know it by.
	String() string
}

// Draft is a set that is being written.
type Draft interface {
	create(name string) (io.WriteCloser, error)
	// commit makes it a set; the manifest is what does.
	commit(manifest []byte) error
	discard() error
}

// errAbsent says that a file is not there.
var errAbsent = errors.New("is not there")

func openTarget(config Config) (Target, error) {
	if config.Target.Bucket != nil {
		return openBucket(config)
	}
	return &folderTarget{config.Target.Folder, config.Target.Place, config.Stack}, nil
}

// readAll reads a small file.
func readAll(ctx context.Context, target Target, name string) ([]byte, error) {
	reader, err := target.open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	return io.ReadAll(reader)
}
