package apflow

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/chainwright/chainwright/executors"
)

// errOtherAPI reports that a server does not have the API that was tried.
var errOtherAPI = errors.New("the server has no such API")

// client remembers which servers have the modules API.
type client struct {
	mu    sync.Mutex
	known map[string]entry // by base URL
}

type entry struct {
	catalog *catalog
	until   time.Time
}

const (
	knownFor  = 10 * time.Minute
	knownMost = 64 // servers
)

// talk finds out which API the server has, and calls use with a peer that speaks
// it. Without a setting it tries the older API; a server that does not know it has
// done nothing yet.
func (c *client) talk(ctx context.Context, to *remote, api string, use func(peer) error) error {
	base := to.base.String()
	catalog := c.recall(base)
	if api == "tasks" || api == "" && catalog == nil {
		err := use(&tasks{remote: to})
		if api != "" || !errors.Is(err, errOtherAPI) {
			return hinted(err, "the server has no tasks API here; check base_url, or leave out api")
		}
		found, findErr := load(ctx, to)
		if errors.Is(findErr, errOtherAPI) {
			return hinted(err, "base_url is not the address of an apflow server: below it there is neither /tasks nor /modules")
		}
		if findErr != nil {
			return findErr
		}
		catalog = found
	} else if catalog == nil {
		var err error
		if catalog, err = load(ctx, to); err != nil {
			return hinted(err, "the server has no modules API here; check base_url, or leave out api")
		}
	}
	c.remember(base, catalog)
	err := use(&modules{remote: to, catalog: catalog})
	if errors.Is(err, errOtherAPI) { // another server has taken its place
		c.remember(base, nil)
	}
	return err
}

// hinted adds what to do to the error of a server that lacks an API.
func hinted(err error, hint string) error {
	if failure := executors.AsError(err); errors.Is(err, errOtherAPI) && failure.Hint == "" {
		failure.Hint = hint
	}
	return err
}

func (c *client) recall(base string) *catalog {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found := c.known[base]; time.Now().Before(found.until) {
		return found.catalog
	}
	return nil
}

func (c *client) remember(base string, found *catalog) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case found == nil:
		delete(c.known, base)
	case c.known[base].catalog == found:
	default:
		if len(c.known) >= knownMost || c.known == nil {
			c.known = map[string]entry{}
		}
		c.known[base] = entry{found, time.Now().Add(knownFor)}
	}
}

// catalog is what a server of the modules API offers.
type catalog struct {
	prefix string              // of the modules for tasks: "apflow.task."
	fields map[string][]string // the fields of each of them, by name: "get"
	items  []string            // the fields of a task in create_tree
}

// schema is the part of an input schema that is used.
type schema struct {
	Properties map[string]json.RawMessage `json:"properties"`
	Items      *schema                    `json:"items"`
}

func (s *schema) fields() []string {
	names := []string{}
	for name := range s.Properties {
		names = append(names, name)
	}
	return names
}

// load reads the list of modules. A server without one has the other API.
func load(ctx context.Context, to *remote) (*catalog, error) {
	response, err := to.get(ctx, "modules")
	if err != nil {
		return nil, err
	}
	if !succeeded(response) {
		failure, _ := to.status(response)
		if missing(response) {
			return nil, errors.Join(failure, errOtherAPI)
		}
		return nil, failure
	}
	data, err := body(response)
	if err != nil {
		return nil, err
	}
	var list struct {
		Modules []struct {
			ID    string `json:"module_id"`
			Input schema `json:"input_schema"`
		} `json:"modules"`
	}
	found := &catalog{fields: map[string][]string{}}
	if json.Unmarshal(data, &list) == nil {
		for _, each := range list.Modules {
			prefix, name, ok := strings.Cut(each.ID, ".task.")
			if !ok {
				continue
			}
			found.prefix, found.fields[name] = prefix+".task.", each.Input.fields()
			var tree schema
			if name == "create_tree" && json.Unmarshal(each.Input.Properties["tasks"], &tree) == nil && tree.Items != nil {
				found.items = tree.Items.fields()
			}
		}
	}
	if len(found.fields) == 0 {
		return nil, errors.Join(executors.Errorf(executors.ExecutionError, "the server's list of modules has none for tasks"), errOtherAPI)
	}
	return found, nil
}

// missing reports whether a server has nothing at an address.
func missing(response *http.Response) bool {
	return response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusMethodNotAllowed
}
