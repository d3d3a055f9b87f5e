package script

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Scripts are the inputs that say which command runs at which step of a
// resource's life.
type Scripts struct {
	Triggers *[]any  `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Create   *string `pulumi:"create,optional"`
	Update   *string `pulumi:"update,optional"`
	Delete   *string `pulumi:"delete,optional"`
}

// OnUpdate returns the command that an update runs: `update`, or else
// `create`, or nil for none.
func (s Scripts) OnUpdate() *string {
	if s.Update != nil {
		return s.Update
	}
	return s.Create
}

// Printed are the outputs that every command has.
type Printed struct {
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// NewID makes a unique ID from a resource's name. A preview gets none, so that
// what depends on the ID is unknown until there is one.
func NewID(name string, dryRun bool) (string, error) {
	if dryRun {
		return "", nil
	}
	return resource.NewUniqueHex(name, 8, 0)
}

// Failure describes a command that ended with err, with all that it printed.
// It does not repeat the command itself, which may contain secrets.
func Failure(err error, capture *Capture) error {
	if printed := capture.Combined(); printed != "" {
		return fmt.Errorf("%w:\n%s", err, printed)
	}
	return err
}
