package endtoend

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/executortest"
)

const recipes = "../../docs/recipes"

// TestGoldenRecipes keeps the tree on the page of each recipe the same as its file,
// and every recipe on the list.
func TestGoldenRecipes(t *testing.T) {
	trees, err := filepath.Glob(filepath.Join(recipes, "*.yaml"))
	require.NoError(t, err)
	require.Len(t, trees, len(kitchen), "a recipe has no test")
	for _, path := range trees {
		tree, err := os.ReadFile(path)
		require.NoError(t, err)
		name := strings.TrimSuffix(path, ".yaml") + ".md"
		page, err := os.ReadFile(name)
		require.NoError(t, err)
		before, rest, ok := strings.Cut(string(page), "```yaml tree\n")
		require.True(t, ok, name)
		_, after, ok := strings.Cut("\n"+rest, "\n```\n")
		require.True(t, ok, name)
		executortest.Golden(t, name, []byte(before+"```yaml tree\n"+string(tree)+"```\n"+after))
	}
}

// dish is how a recipe is tried: its peers, the run, and what comes of it.
type dish struct {
	at     func(t *testing.T, work string) *place
	inputs string
	person bool   // an assistant runs the tree, and a person answers
	want   string // a part of the record, as compact JSON
	then   func(t *testing.T, c *cooking)
}

var kitchen = map[string]dish{
	"csv-report": {
		at: func(t *testing.T, work string) *place {
			write(t, filepath.Join(work, "sales", "north.csv"), "city,amount\nOslo,12.5\nRome,30\n")
			write(t, filepath.Join(work, "sales", "south.csv"), "city,amount\nOslo,7.25\n")
			write(t, filepath.Join(work, "sales", "notes.txt"), "not a table")
			return files(t, work)
		},
		want: `"total":49.75`,
		then: func(t *testing.T, c *cooking) {
			report, err := os.ReadFile(filepath.Join(c.work, "report.md"))
			require.NoError(t, err)
			require.Contains(t, string(report), "| Oslo | 2 | 19.75 |")
			require.Contains(t, string(report), "Total: 49.75 in 2 files")
		},
	},
	"watch-disk": {at: mailServer, inputs: `{"to": "ops@example.com", "limit": 0}`, want: `"accepted":["ops@example.com"]`},
	"release":    {at: builds, inputs: `{"version": "1.4.0"}`, person: true, want: `"deployed":"1.4.0"`},
	"summarize-pages": {
		at: func(t *testing.T, work string) *place {
			return together(website(t, work), model(t, [][2]string{
				{"Write an overview", "Ink is old, and costs 12."}, {"Ink is", "Ink is old."}, {"9.50", "Pens and ink are sold."},
			}))
		},
		inputs: `{"pages": ["https://example.com/article", "https://example.com/shop", "https://example.com/missing"]}`,
		want:   `"overview":"Ink is old, and costs 12."`,
	},
	"database-export": {
		at: func(t *testing.T, work string) *place {
			write(t, filepath.Join(work, "notes.txt"), "")
			return together(files(t, work), orderBook(t, t.TempDir()))
		},
		inputs: `{"least": 3}`, want: `"rows":3`,
		then: func(t *testing.T, c *cooking) {
			written, err := os.ReadFile(filepath.Join(c.work, "orders.csv"))
			require.NoError(t, err)
			require.Contains(t, string(written), "id,city,total\n1,Oslo,12.5\n")
			require.Contains(t, c.run(t, `{"least": 4}`, 1), "Only 3 rows: the export is not written.")
		},
	},
	"remote-tests": {
		at: func(t *testing.T, work string) *place {
			write(t, filepath.Join(work, "test.sh"), "test \"$(cat ok 2>/dev/null || echo fine)\" = fine && echo passed\n")
			return together(files(t, work), remoteHost(t, work))
		},
		inputs: `{"hosts": ["web01"]}`, want: `"failed":[],"passed":["web01"]`,
		then: func(t *testing.T, c *cooking) {
			write(t, filepath.Join(c.work, "test.sh"), "exit 3\n")
			require.Contains(t, c.run(t, `{"hosts": ["web01"]}`, 1), `"host":"web01"`)
		},
	},
	"other-server": {at: secondServer, want: `"sum":60,"tools":[`},
	"nightly-backup": {
		at: func(t *testing.T, work string) *place {
			write(t, filepath.Join(work, "data", "a.txt"), "a")
			mail, _ := mailbox(t)
			return together(files(t, work), mail)
		},
		inputs: `{"to": "ops@example.com"}`, want: `"files":`,
		then: func(t *testing.T, c *cooking) {
			require.FileExists(t, filepath.Join(c.work, "backup.tar.gz"))
			failed := c.run(t, `{"to": "ops@example.com", "folder": "missing"}`, 1)
			require.Contains(t, failed, `"handlers":[{"id":"tell"`)
			require.NotContains(t, failed, `"warnings"`, "the mail was not sent")
		},
	},
	"prompt-chain": {
		at: func(t *testing.T, work string) *place {
			return together(files(t, work), model(t, [][2]string{{"Translate into German", "Montags geschlossen"}, {"a notice for the door", "Closed on Mondays"}}))
		},
		want: `"notice":"Montags geschlossen"`,
		then: func(t *testing.T, c *cooking) {
			notice, err := os.ReadFile(filepath.Join(c.work, "notice.txt"))
			require.NoError(t, err)
			require.Equal(t, "Closed on Mondays\nMontags geschlossen\n", string(notice))
		},
	},
	"api-fan-out": {at: webhook, want: `"refused":1,"sent":2`},
}

// webhook has pages of orders, and a hook that is busy at first and refuses an order.
func webhook(t *testing.T, _ string) *place {
	var mu sync.Mutex
	seen := map[string]int{}
	return calledBySecret(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/orders" && r.URL.Query().Get("cursor") == "":
			fmt.Fprint(w, `{"data": {"orders": [{"id": 1}, {"id": 2}], "next": "c2"}}`)
		case r.URL.Path == "/orders":
			fmt.Fprint(w, `{"data": {"orders": [{"id": 3}], "next": null}}`)
		default:
			body, _ := io.ReadAll(r.Body)
			mu.Lock()
			seen[r.Header.Get("Idempotency-Key")]++
			attempt := seen[r.Header.Get("Idempotency-Key")]
			mu.Unlock()
			switch {
			case r.Header.Get("Authorization") != "Bearer "+apiToken:
				w.WriteHeader(http.StatusUnauthorized)
			case strings.Contains(string(body), "3"):
				w.WriteHeader(http.StatusUnprocessableEntity)
			case attempt == 1:
				w.WriteHeader(http.StatusServiceUnavailable)
			default:
				fmt.Fprint(w, `{}`)
			}
		}
	})
}

// calledBySecret starts a service that is called with the secret API_TOKEN.
func calledBySecret(t *testing.T, serve http.HandlerFunc) *place {
	server := httptest.NewUnstartedServer(serve)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t).TLS}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return &place{
		settings: policyOf(map[string]any{
			"network": loopback(),
			"secrets": map[string]any{"API_TOKEN": map[string]any{"env": "API_TOKEN", "hosts": []any{"127.0.0.1"}}},
		}),
		variables: []string{"API_TOKEN=" + apiToken},
		trusted:   certificate(t).PEM,
		instead:   map[string]string{"https://api.example.com": server.URL},
	}
}

// cooking is a recipe that is tried: a user with the configuration on its page, in
// which the names of hosts and folders are those of the peers.
type cooking struct {
	home

	at         *place
	name, work string
}

func (d *dish) cook(t *testing.T, name string) *cooking {
	t.Helper()
	work := t.TempDir()
	at := d.at(t, work)
	settings := map[string]any{}
	for _, each := range snippets(t, "docs/recipes/"+name+".md") {
		if each.language == "yaml" {
			require.NoError(t, yaml.Unmarshal([]byte(strings.ReplaceAll(each.text, "~/work", work)), &settings))
		}
	}
	// A connection of the page is replaced as a whole.
	connections := func(settings map[string]any) map[string]any {
		policy, _ := settings["policy"].(map[string]any)
		table, _ := policy["connections"].(map[string]any)
		return table
	}
	for name := range connections(at.settings) {
		require.Contains(t, connections(settings), name)
		delete(connections(settings), name)
	}
	join(settings, at.settings)
	at.settings = settings
	return &cooking{at.home(t), at, name, work}
}

// run runs the tree and returns the record of the run.
func (c *cooking) run(t *testing.T, inputs string, wantExit int) string {
	t.Helper()
	tree, err := os.ReadFile(filepath.Join(recipes, c.name+".yaml"))
	require.NoError(t, err)
	path := filepath.Join(c.dir, c.name+".yaml")
	write(t, path, c.at.translate(string(tree)))
	if inputs == "" {
		inputs = "{}"
	}
	out, exit := c.command(t, "run", path, "--json", "--inputs", c.at.translate(inputs))
	require.Equal(t, wantExit, exit, out)
	return compacted(t, out)
}

func compacted(t *testing.T, record string) string {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, json.Compact(&text, []byte(record)), record)
	return text.String()
}

// ask runs the tree for an assistant whose person agrees, and returns the answer.
func (c *cooking) ask(t *testing.T, inputs string) string {
	t.Helper()
	tree, err := os.ReadFile(filepath.Join(recipes, c.name+".yaml"))
	require.NoError(t, err)
	var document map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(c.at.translate(string(tree))), &document))
	p := &person{says: "accept"}
	envelope := call(t.Context(), t, c.with(t, p, revision, false), "run_task_tree", map[string]any{
		"document": document, "inputs": fromJSON(t, c.at.translate(inputs)), "wait_seconds": 60,
	})
	require.Len(t, p.heard, 1, "%v", envelope)
	text, err := json.Marshal(envelope)
	require.NoError(t, err)
	return string(text)
}

// TestRecipes runs the tree of each recipe with the configuration on its page,
// against real peers.
func TestRecipes(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the recipes start programs of Unix")
	}
	for name, d := range kitchen {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := d.cook(t, name)
			if d.person {
				require.Contains(t, c.ask(t, d.inputs), d.want)
			} else {
				require.Contains(t, c.run(t, d.inputs, 0), d.want)
			}
			if d.then != nil {
				d.then(t, c)
			}
		})
	}
}

// builds is a service with a build, which deploys.
func builds(t *testing.T, _ string) *place {
	return calledBySecret(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method == http.MethodGet && r.URL.Path == "/builds/1.4.0":
			fmt.Fprint(w, `{"commit": "c0ffee"}`)
		case r.URL.Path == "/deploy" && r.Header.Get("Authorization") == "Bearer "+apiToken:
			_, _ = io.Copy(w, r.Body)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
}
