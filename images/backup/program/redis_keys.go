package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisEntry is one key: its database, its name, when it ends in ms since 1970 or -1, and its value.
type redisEntry struct {
	database uint32
	ends     int64
	key      string
	value    string
}

// entryHead is the length of what is before a key's name and value.
const entryHead = 20

func (e redisEntry) write(into io.Writer) error {
	head := make([]byte, 0, entryHead)
	head = binary.BigEndian.AppendUint32(head, e.database)
	head = binary.BigEndian.AppendUint64(head, uint64(e.ends))
	head = binary.BigEndian.AppendUint32(head, uint32(len(e.key)))
	head = binary.BigEndian.AppendUint32(head, uint32(len(e.value)))
	for _, piece := range []string{string(head), e.key, e.value} {
		if _, err := io.WriteString(into, piece); err != nil {
			return err
		}
	}
	return nil
}

func readEntry(from io.Reader) (redisEntry, error) {
	var entry redisEntry
	head := make([]byte, entryHead)
	if _, err := io.ReadFull(from, head); err != nil {
		return entry, err
	}
	entry.database, entry.ends = binary.BigEndian.Uint32(head), int64(binary.BigEndian.Uint64(head[4:]))
	split := int(binary.BigEndian.Uint32(head[12:]))
	body := make([]byte, split+int(binary.BigEndian.Uint32(head[16:])))
	if _, err := io.ReadFull(from, body); err != nil {
		return entry, fmt.Errorf("the keys of Redis end within one: %w", err)
	}
	entry.key, entry.value = string(body[:split]), string(body[split:])
	return entry, nil
}

func (s *redisSystem) save(ctx context.Context, into io.Writer) (Part, error) {
	part := Part{At: time.Now().UTC()}
	packed := gzip.NewWriter(into)
	total := 0
	// A scan may come to a key twice; what is read last is what is brought back.
	err := s.eachBatch(ctx, func(client *redis.Client, database int, keys []string) error {
		due := slices.DeleteFunc(keys, func(key string) bool { return matches(s.config.Derived, key) })
		count, err := saveKeys(ctx, client, database, due, packed)
		total += count
		return err
	})
	part.Holds = counted(total, "key")
	return part, errors.Join(err, packed.Close())
}

func saveKeys(ctx context.Context, client *redis.Client, database int, keys []string, into io.Writer) (int, error) {
	if len(keys) == 0 {
		return 0, nil
	}
	// A value and its end belong together: a key that was set anew in between would get another one's end.
	pipe := client.TxPipeline()
	values, ends := make([]*redis.StringCmd, len(keys)), make([]*redis.Cmd, len(keys))
	for at, key := range keys {
		values[at], ends[at] = pipe.Dump(ctx, key), pipe.Do(ctx, "PEXPIRETIME", key)
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return 0, err
	}
	count := 0
	for at, key := range keys {
		value, err := values[at].Result()
		// One that has ended meanwhile is none.
		if errors.Is(err, redis.Nil) {
			continue
		}
		end, endErr := ends[at].Int64()
		if err := errors.Join(err, endErr); err != nil {
			return count, err
		}
		if err := (redisEntry{uint32(database), end, key, value}).write(into); err != nil {
			return count, err
		}
		count++
	}
	return count, nil
}

// keyIn is a key of a database.
type keyIn struct {
	database uint32
	key      string
}

// load writes the keys of the set first, and then takes away those that it has not: what was in both is never missing.
func (s *redisSystem) load(ctx context.Context, _ Part, from opener) error {
	reader, err := from()
	if err != nil {
		return err
	}
	defer reader.Close()
	unpacked, err := gzip.NewReader(bufio.NewReaderSize(reader, 1<<20))
	if err != nil {
		return err
	}
	content := bufio.NewReaderSize(unpacked, 1<<20)
	writer := &keyWriter{system: s}
	defer writer.close()
	wanted := map[keyIn]struct{}{}
	for {
		entry, err := readEntry(content)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		wanted[keyIn{entry.database, entry.key}] = struct{}{}
		if err := writer.write(ctx, entry); err != nil {
			return err
		}
	}
	if err := writer.flush(ctx); err != nil {
		return err
	}
	return s.removeOthers(ctx, wanted)
}

// batchBytes is how much of values is sent at once.
const batchBytes = 8 << 20

// keyWriter brings keys back, many at once. They come one database after the other.
type keyWriter struct {
	system   *redisSystem
	client   *redis.Client
	database uint32
	pipe     redis.Pipeliner
	size     int
}

func (w *keyWriter) write(ctx context.Context, entry redisEntry) error {
	if err := w.open(ctx, entry.database); err != nil {
		return err
	}
	if entry.ends < 0 {
		w.pipe.Do(ctx, "RESTORE", entry.key, 0, entry.value, "REPLACE")
	} else {
		// One that has ended since is gone at once.
		w.pipe.Do(ctx, "RESTORE", entry.key, entry.ends, entry.value, "REPLACE", "ABSTTL")
	}
	if w.size += len(entry.value); w.pipe.Len() < redisBatch && w.size < batchBytes {
		return nil
	}
	return w.flush(ctx)
}

func (w *keyWriter) open(ctx context.Context, database uint32) error {
	if w.client != nil && w.database == database {
		return nil
	}
	err := errors.Join(w.flush(ctx), w.close())
	if err != nil {
		return err
	}
	if w.client, err = w.system.primary(ctx, int(database)); err != nil {
		return err
	}
	w.database, w.pipe = database, w.client.Pipeline()
	return nil
}

func (w *keyWriter) flush(ctx context.Context) error {
	if w.pipe == nil || w.pipe.Len() == 0 {
		return nil
	}
	w.size = 0
	_, err := w.pipe.Exec(ctx)
	return err
}

func (w *keyWriter) close() error {
	if w.client == nil {
		return nil
	}
	client := w.client
	w.client = nil
	return client.Close()
}

func (s *redisSystem) removeOthers(ctx context.Context, wanted map[keyIn]struct{}) error {
	return s.eachBatch(ctx, func(client *redis.Client, database int, keys []string) error {
		var gone []string
		for _, key := range keys {
			if _, stays := wanted[keyIn{uint32(database), key}]; !stays {
				gone = append(gone, key)
			}
		}
		if len(gone) == 0 {
			return nil
		}
		return client.Unlink(ctx, gone...).Err()
	})
}
