// A program that takes any words and runs $SCRIPT as Pulumi runs a deletion's: below a plugin.
package main

import (
	"os"
	"os/exec"
)

func main() {
	plugin := exec.Command("sh", "-c", `sh -c "$SCRIPT"; exit $?`)
	plugin.Stdout, plugin.Stderr = os.Stdout, os.Stderr
	if plugin.Run() != nil {
		os.Exit(1)
	}
}
