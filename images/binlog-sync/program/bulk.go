package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

type bulkAnswer struct {
	Items []map[string]struct {
		Status int `json:"status"`
		Error  *struct {
			Type   string `json:"type"`
			Reason string `json:"reason"`
			Cause  *struct {
				Reason string `json:"reason"`
			} `json:"caused_by"`
		} `json:"error"`
	} `json:"items"`
}

// refusal is a document that Elasticsearch does not take, however often it is sent.
type refusal struct {
	operation
	why string
}

// errIndexGone says that an index is not there any more, into which documents are to go.
var errIndexGone = errors.New("an index is gone")

// errNewer says that a document is newer than what was sent: another one writes it.
var errNewer = errors.New("a document has been written by another one since")

// write has all operations done, in their order for each document, or refused for good. What a node cannot do now is sent again until it can.
//
// Each is sent with a version of its own, so that one which comes late, or twice, changes nothing.
func (e *Elastic) write(ctx context.Context, operations []operation, waiting func(error)) ([]refusal, error) {
	var refused []refusal
	for pause := 100 * time.Millisecond; len(operations) > 0; pause = min(2*pause, 5*time.Second) {
		left, no, err := e.bulk(ctx, operations)
		refused = append(refused, no...)
		if ctx.Err() != nil {
			return refused, ctx.Err()
		}
		switch {
		case isStatus(err, http.StatusRequestEntityTooLarge) && len(operations) > 1:
			for _, half := range [][]operation{operations[:len(operations)/2], operations[len(operations)/2:]} {
				no, err := e.write(ctx, half, waiting)
				refused = append(refused, no...)
				if err != nil {
					return refused, err
				}
			}
			return refused, nil
		case isStatus(err, http.StatusRequestEntityTooLarge):
			return append(refused, refusal{operations[0], "it is larger than Elasticsearch takes (http.max_content_length)"}), nil
		case err != nil && !isTransient(err):
			return refused, err
		}
		operations = left
		if len(left) > 0 {
			if err == nil {
				err = fmt.Errorf("Elasticsearch cannot take %d changes now", len(left))
			}
			waiting(err)
			if err := sleep(ctx, pause); err != nil {
				return refused, err
			}
		}
	}
	waiting(nil)
	return refused, nil
}

// isTransient tells whether the same request may succeed later.
func isTransient(err error) bool {
	if errors.Is(err, errIndexGone) || errors.Is(err, errNewer) {
		return false
	}
	var answered *httpError
	return !errors.As(err, &answered) || answered.status == http.StatusTooManyRequests || answered.status >= 500
}

// bulk sends operations once; left are those that may succeed later.
func (e *Elastic) bulk(ctx context.Context, operations []operation) (left []operation, refused []refusal, err error) {
	var body bytes.Buffer
	for _, operation := range operations {
		verb := "index"
		if operation.document == nil {
			verb = "delete"
		}
		head, err := json.Marshal(map[string]any{verb: map[string]any{
			"_index": operation.index, "_id": operation.id, "version": operation.version, "version_type": "external_gte",
		}})
		if err != nil {
			return operations, nil, err
		}
		body.Write(head)
		body.WriteByte('\n')
		if operation.document != nil {
			body.Write(operation.document)
			body.WriteByte('\n')
		}
	}
	var answer bulkAnswer
	if err := e.call(ctx, http.MethodPost, bulkPath, body.Bytes(), &answer); err != nil {
		return operations, nil, err
	}
	if len(answer.Items) != len(operations) {
		return operations, nil, fmt.Errorf("Elasticsearch answers %d of %d changes", len(answer.Items), len(operations))
	}
	for at, item := range answer.Items {
		for verb, result := range item {
			kind, why := "", ""
			if result.Error != nil {
				kind, why = result.Error.Type, result.Error.Reason
				if result.Error.Cause != nil {
					why += ": " + result.Error.Cause.Reason
				}
			}
			switch {
			case result.Status < 300, verb == "delete" && result.Status == http.StatusNotFound && result.Error == nil:
			case result.Status == http.StatusConflict:
				err = errors.Join(err, fmt.Errorf("%w: %s in %s", errNewer, operations[at].id, operations[at].index))
			case result.Status == http.StatusNotFound:
				err = errors.Join(err, fmt.Errorf("%w: %s", errIndexGone, why))
			case result.Status == http.StatusTooManyRequests, result.Status >= 500, kind == "cluster_block_exception":
				left = append(left, operations[at])
			default:
				refused = append(refused, refusal{operations[at], fmt.Sprintf("%.300s", why)})
			}
		}
	}
	return left, refused, err
}
