package external

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Peers connects to other MCP servers. Package mcp implements it.
type Peers interface {
	Peer(spec PeerSpec) (Peer, error)
}

// PeerSpec is the address of an MCP server: a URL, or a program to start.
type PeerSpec struct {
	URL     string
	Headers map[string]string
	Path    string
	Args    []string
	Env     []string
	Dir     string
}

// Peer is a connection to one MCP server. It connects on the first use.
type Peer interface {
	// Tools lists the server's tools.
	Tools(ctx context.Context) ([]PeerTool, error)
	// Call calls a tool with call.Inputs.
	Call(ctx context.Context, call *executors.Call, tool string) (any, error)
	Close() error
}

// PeerTool is a tool as its server describes it. Treat all of it as untrusted.
type PeerTool struct {
	Name, Title, Description string
	Input, Output            json.RawMessage
	Annotations              executors.Annotations
}

// Limits on the tools of one server; texts in bytes.
const (
	maxPeerTools   = 100
	maxDescription = 900
	maxTitle       = 60
)

type peerSection struct {
	Command          []string          `json:"command"`
	Env              map[string]string `json:"env"`
	PassEnv          []string          `json:"pass_env"`
	URL              string            `json:"url"`
	Headers          map[string]string `json:"headers"`
	Prefix           string            `json:"prefix"`
	Toolset          string            `json:"toolset"`
	Tools            []string          `json:"tools"`
	Timeout          float64           `json:"timeout"`
	TrustAnnotations bool              `json:"trust_annotations"`
}

// newPeer lists the tools of a server and makes an executor of each. The list
// is read once: later changes on the server have no effect until the file
// changes.
func newPeer(l *loading) ([]executors.Executor, error) {
	peers := l.folder.opts.Peers
	if peers == nil {
		return nil, l.section.Errorf([]string{"kind"}, "MCP servers are not available here")
	}
	if !l.section.Alone() {
		return nil, l.section.Errorf(nil, "a file of kind mcp must contain run only: the server describes its own tools")
	}
	var section peerSection
	if err := l.bindRun(&section); err != nil {
		return nil, err
	}
	spec, err := l.peerSpec(section)
	if err != nil {
		return nil, err
	}
	if section.Prefix == "" {
		section.Prefix = defaultPrefix(l.name)
	}
	peer, err := peers.Peer(spec)
	if err != nil {
		return nil, l.section.Errorf(nil, "run: %w", err)
	}
	l.prefix, l.leave = section.Prefix, peer.Close
	l.finish = func(ctx context.Context) ([]executors.Executor, error) {
		made, err := l.peerTools(ctx, peer, section)
		if err != nil {
			return nil, errors.Join(err, peer.Close())
		}
		return made, nil
	}
	return nil, nil
}

// tokenWithin is how long a file waits for the token of an OAuth client.
const tokenWithin = 2 * time.Second

func (l *loading) peerSpec(section peerSection) (PeerSpec, error) {
	if (len(section.Command) == 0) == (section.URL == "") {
		return PeerSpec{}, l.section.Errorf(nil, "run needs either command (to start a server) or url (of a running server)")
	}
	if section.URL != "" {
		ctx, stop := context.WithTimeout(context.Background(), tokenWithin)
		defer stop()
		headers := make(map[string]string, len(section.Headers))
		for name, value := range section.Headers {
			parsed, err := parseText(&executors.Definition{Input: noInputs()}, value)
			if err == nil {
				headers[name], err = parsed.write(&filler{secret: func(secret string) (string, error) {
					return l.folder.opts.Registry.Policy().Secret(ctx, secret, section.Prefix, section.URL)
				}}, nil)
			}
			if err != nil {
				return PeerSpec{}, l.section.Errorf([]string{"headers", name}, "run.headers.%s: %w", name, err)
			}
		}
		return PeerSpec{URL: section.URL, Headers: headers}, nil
	}
	program, err := l.command(section.Command, section.Env, section.PassEnv)
	if err != nil {
		return PeerSpec{}, err
	}
	return PeerSpec{Path: program.path, Args: program.args, Env: program.environment(), Dir: program.dir}, nil
}

var noInputs = sync.OnceValue(func() *executors.Schema {
	none, err := executors.CompileSchema("no inputs", json.RawMessage(`{"type":"object","properties":{}}`))
	if err != nil {
		panic(err)
	}
	return none
})

var notInIDs = regexp.MustCompile(`[^a-z0-9]+`)

// defaultPrefix returns the default prefix of the tool IDs, from the name of a file.
func defaultPrefix(name string) string {
	base := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if base+".yaml" == definitionFile {
		base = path.Base(path.Dir(name))
	}
	base = strings.Trim(notInIDs.ReplaceAllString(strings.ToLower(base), "_"), "_")
	if base == "" || base[0] < 'a' {
		base = "mcp_" + base
	}
	return strings.Trim(base[:min(len(base), 20)], "_")
}

func (l *loading) peerTools(ctx context.Context, peer Peer, section peerSection) ([]executors.Executor, error) {
	tools, err := peer.Tools(ctx)
	if err != nil {
		l.again = true
		return nil, l.section.Errorf(nil, "listing the server's tools failed: %w", err)
	}
	for i, wanted := range section.Tools {
		if !slices.ContainsFunc(tools, func(t PeerTool) bool { return t.Name == wanted }) {
			return nil, l.section.Errorf([]string{"tools", fmt.Sprint(i)}, "the server has no tool %q", wanted)
		}
	}
	shared := &sharedPeer{Peer: peer}
	var made []executors.Executor
	ids := map[string]string{}
	for _, tool := range tools {
		if len(section.Tools) > 0 && !slices.Contains(section.Tools, tool.Name) {
			continue
		}
		def, err := describe(tool, section)
		if err != nil {
			return nil, l.section.Errorf(nil, "the tool %.60q: %w", tool.Name, err)
		}
		if other, taken := ids[def.ID]; taken {
			return nil, l.section.Errorf(nil, "the tools %.60q and %.60q would both have the ID %s; choose one in run.tools", other, tool.Name, def.ID)
		}
		ids[def.ID] = tool.Name
		made = append(made, &peerTool{def: def, peer: shared, name: tool.Name, trusted: l.trusted})
	}
	if len(made) == 0 || len(made) > maxPeerTools {
		return nil, l.section.Errorf(nil, "the server has %d tools; the allowed number is 1 to %d: choose them in run.tools", len(made), maxPeerTools)
	}
	shared.users.Add(int64(len(made)))
	return made, nil
}

// describe returns the definition of a tool. The server's texts are cleaned
// and shortened; its annotations are used only if the operator trusts them.
func describe(tool PeerTool, section peerSection) (*executors.Definition, error) {
	name := strings.Trim(notInIDs.ReplaceAllString(strings.ToLower(tool.Name), "_"), "_")
	id := section.Prefix + "_" + name
	if name == "" || len(id) > 40 || !idForm.MatchString(id) {
		return nil, fmt.Errorf("%.60s is not a valid ID (at most 40 lower-case letters, digits and _); set a shorter run.prefix, or leave the tool out of run.tools", id)
	}
	input, err := objectSchema(id, tool.Input, nil)
	if err != nil {
		return nil, err
	}
	output, err := objectSchema(id, tool.Output, json.RawMessage(`{"type":"object","properties":{"text":{"type":"string"},"content":{"type":"array","items":{"type":"object"}}}}`))
	if err != nil {
		return nil, err
	}
	limit := time.Duration(section.Timeout * float64(time.Second))
	def := &executors.Definition{
		ID: id, Title: clean(tool.Title, maxTitle), Toolset: section.Toolset, Tags: []string{"mcp", section.Prefix}, Input: input, Output: output,
		Description: clean(fmt.Sprintf("The tool %s of the MCP server %s. %s", tool.Name, section.Prefix, tool.Description), maxDescription),
		Annotations: executors.Annotations{Destructive: true, OpenWorld: true}, Timeout: executors.Timeout{Default: limit, Ceiling: max(limit, 10*time.Minute)},
	}
	if def.Title == "" {
		def.Title = clean(tool.Name, maxTitle)
	}
	if section.TrustAnnotations {
		def.Annotations = tool.Annotations
	}
	return def, nil
}

// objectSchema compiles a server's schema. An absent schema is replaced by
// otherwise. A root that refers to another part of the schema is left open: the
// server itself still validates calls.
func objectSchema(id string, raw, otherwise json.RawMessage) (*executors.Schema, error) {
	object := map[string]any{}
	if len(raw) > 0 && string(raw) != "null" {
		var err error
		if object, err = strictjson.DecodeObject(raw); err != nil {
			return nil, fmt.Errorf("its schema is invalid: %w", err)
		}
	} else if otherwise != nil {
		return executors.CompileSchema(id, otherwise)
	}
	for _, name := range []string{"$schema", "$id", "$ref"} {
		delete(object, name)
	}
	object["type"] = "object"
	if _, ok := object["properties"].(map[string]any); !ok {
		object["properties"] = map[string]any{}
	}
	plain, err := plainjson.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("its schema is invalid: %w", err)
	}
	compiled, err := executors.CompileSchema(id, plain)
	if err != nil {
		return nil, fmt.Errorf("its schema is invalid: %w", err)
	}
	return compiled, nil
}

// clean removes control characters from a server's text and cuts it to most
// bytes.
func clean(words string, most int) string {
	words = strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r): // includes invisible instructions
			return -1
		}
		return r
	}, strings.ToValidUTF8(words, ""))
	return shorten.Bytes(strings.TrimSpace(words), most)
}

// sharedPeer closes its connection when the last of its tools is closed.
type sharedPeer struct {
	Peer
	users atomic.Int64
}

func (s *sharedPeer) release() error {
	if s.users.Add(-1) > 0 {
		return nil
	}
	return s.Peer.Close()
}

// peerTool calls one tool of a server.
type peerTool struct {
	def  *executors.Definition
	peer *sharedPeer
	name string
	// trusted are checked again at each call, which may start the server again.
	trusted []policy.Trusted
}

// Definition returns the definition that describe made.
func (t *peerTool) Definition() *executors.Definition { return t.def }

// Close releases the connection; the last tool of a server closes it.
func (t *peerTool) Close() error { return t.peer.release() }

// Execute calls the tool.
func (t *peerTool) Execute(ctx context.Context, call *executors.Call) (any, error) {
	if err := checkTrusted(call, t.trusted); err != nil {
		return nil, err
	}
	return t.peer.Call(ctx, call, t.name)
}
