// Package temporal runs task trees on a Temporal server, with workers in any number of processes. It is not a stable API.
//
// A run is one workflow, whose id is the run's. The workflow holds the plan; the
// activities do the tasks and write the run's record. Trees, inputs and results
// stay in the store, which all processes share: the server sees numbers of tasks
// and their states only.
//
// The engine is in programs that are built with the tag temporal.
package temporal

import (
	"net"
	"net/url"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

// Address is where the server is.
type Address struct {
	Host      string // HOST:PORT
	Namespace string
}

const (
	scheme           = "temporal://"
	defaultPort      = "7233"
	defaultNamespace = "default"
)

// ParseAddress reads temporal://HOST:PORT/NAMESPACE. The port and the namespace
// may be left out.
func ParseAddress(text string) (Address, error) {
	refuse := func(reason string) (Address, error) {
		return Address{}, executors.Errorf(executors.ValidationError, "the engine %q %s", text, reason).
			WithField("engine").WithHint("its form is temporal://HOST:PORT/NAMESPACE, such as temporal://127.0.0.1:7233/default")
	}
	if !strings.HasPrefix(text, scheme) {
		return refuse("is none that this program knows")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return refuse("is not an address")
	case u.Hostname() == "":
		return refuse("names no host")
	case u.User != nil:
		return refuse("has a user, which Temporal does not take")
	case u.RawQuery != "" || u.Fragment != "":
		return refuse("has parameters, which there are none of")
	}
	a := Address{Host: net.JoinHostPort(u.Hostname(), defaultPort), Namespace: strings.Trim(u.Path, "/")}
	if u.Port() != "" {
		a.Host = u.Host
	}
	if a.Namespace == "" {
		a.Namespace = defaultNamespace
	}
	if strings.Contains(a.Namespace, "/") {
		return refuse("has a namespace with a slash")
	}
	return a, nil
}

// CheckStore returns an error if the processes of an engine can't share a store of
// this name.
func CheckStore(name string) error {
	if strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://") {
		return nil
	}
	return executors.Errorf(executors.ValidationError, "an engine on Temporal needs a store that all its processes share; got %s, and it must be postgres://USER@HOST:PORT/DATABASE", strings.SplitN(name, ":", 2)[0]).
		WithField("store")
}
