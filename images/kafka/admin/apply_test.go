package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
)

func TestAStepIsBegunAgainWhileItsErrorMayGoByItself(t *testing.T) {
	for name, test := range map[string]struct {
		errors []error
		begun  int
		said   error
	}{
		"is done once":                        {[]error{nil}, 1, nil},
		"waits for a leader":                  {[]error{fmt.Errorf("the topic x: %w", kerr.NotController), nil}, 2, nil},
		"waits for somebody who answers":      {[]error{fmt.Errorf("%w: connection refused", errNobody), nil}, 2, nil},
		"does not wait for what nobody mends": {[]error{fmt.Errorf("the topic x: %w", kerr.InvalidConfig), nil}, 1, kerr.InvalidConfig},
	} {
		t.Run(name, func(t *testing.T) {
			begun := 0
			err := anew(context.Background(), func() error {
				begun++
				return test.errors[begun-1]
			})
			if begun != test.begun || !errors.Is(err, test.said) {
				t.Errorf("begun %d times, %v", begun, err)
			}
		})
	}
}
