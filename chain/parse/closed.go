package parse

import (
	"errors"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// The inputs of built-in executors that are paths, programs and images. The inputs
// that are addresses are the destinations of the definitions.
var (
	pathInputs    = map[string]string{"file_reader": "file_path", writer: "file_path", "command_executor": "cwd", "mcp_executor": "cwd"}
	programInputs = map[string]string{"command_executor": "command", "mcp_executor": "command"}
)

const (
	overSSH  = "ssh_executor"
	inDocker = "docker_executor"
)

// refusals warns of literal addresses, paths and programs that policy refuses.
// Nothing is contacted.
func (p *parser) refusals(i int, fields, known map[string]any) {
	def := p.tree.Tasks[i].Definition
	if !def.BuiltIn || p.choose(def.ID).closed {
		return
	}
	pol := p.reg.Policy()
	if input := def.Destination; input != "" {
		if address, ok := literalAddress(fields[input]); ok {
			p.refused(i, "inputs."+input, chain.CodeClosedAddress, foreseeAddress(pol, def, address))
		}
	}
	if input := pathInputs[def.ID]; input != "" {
		if path, ok := known[input].(string); ok && path != "" {
			p.refused(i, "inputs."+input, chain.CodeClosedPath, pol.ForeseePath(path, def.ID == writer))
		}
	}
	if input := programInputs[def.ID]; input != "" {
		if name, args, ok := literalProgram(pol, known[input]); ok {
			p.refused(i, "inputs."+input, chain.CodeClosedProgram, pol.ForeseeProgram(name, args))
		}
	}
	if image, ok := known["image"].(string); ok && def.ID == inDocker {
		p.refused(i, "inputs.image", chain.CodeClosedProgram, pol.DockerImage(image))
	}
}

// refused warns of an error of policy.
func (p *parser) refused(i int, path, code string, err error) {
	var denied *policy.Denied
	if errors.As(err, &denied) {
		p.warn(i, path, code, denied.Hint, "%s", denied.Message)
	}
}

func foreseeAddress(pol *policy.Policy, def *executors.Definition, address string) error {
	if def.ID == overSSH { // a host of the list, or a connection
		return pol.SSHHost(address)
	}
	to := policy.DestinationOf(address)
	if strings.ContainsRune(to.Host, ' ') {
		return nil // not an address; the executor says so
	}
	return pol.ForeseeAddress(to)
}

// literalAddress returns the address in an input, as far as it is not made by
// references: of http://127.0.0.1/users/${{ inputs.id }} it is http://127.0.0.1/users/.
func literalAddress(v any) (address string, ok bool) {
	text, ok := v.(string)
	if !ok || text == "" {
		return "", false
	}
	before, _, open := strings.Cut(text, expr.Mark)
	if !open {
		return text, true
	}
	_, rest, isURL := strings.Cut(before, "://")
	return before, isURL && strings.ContainsAny(rest, "/?#")
}

// literalProgram returns the program of a command, and its arguments if all are
// known. A command for the shell has none.
func literalProgram(pol *policy.Policy, command any) (name string, args []string, ok bool) {
	switch command := command.(type) {
	case string:
		_, _, shell := pol.Shell()
		words := strings.Fields(command)
		if shell || len(words) == 0 || strings.ContainsAny(words[0], `"'\`) {
			return "", nil, false
		}
		return words[0], nil, true
	case []any:
		for k, each := range command {
			word, literal := each.(string)
			switch {
			case !literal:
				return name, nil, k > 0
			case k == 0:
				name = word
			default:
				args = append(args, word)
			}
		}
		return name, args, name != ""
	}
	return "", nil, false
}
