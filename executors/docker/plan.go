package docker

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/command"
	"github.com/chainwright/chainwright/executors/policy"
)

const (
	defaultMemory = 512 << 20
	leastMemory   = 6 << 20 // the minimum of the engine
	mostMemory    = 64 << 30
	maxProcesses  = 128
)

// plan returns the configuration of a container. It validates everything that
// comes from the caller.
func plan(ctx context.Context, call *executors.Call, in Input) (client.ContainerCreateOptions, error) {
	var none client.ContainerCreateOptions
	pol := call.Policy
	if err := pol.DockerImage(in.Image); err != nil {
		return none, err
	}
	if in.Network != "none" {
		if err := pol.DockerNetwork(); err != nil {
			return none, err
		}
	}
	words, err := command.Words(in.Command)
	if err != nil {
		return none, invalid("command", "%v", err)
	}
	environment, err := variables(in.Env)
	if err != nil {
		return none, err
	}
	mounts, err := volumes(pol, in.Volumes)
	if err != nil {
		return none, err
	}
	bounds, err := in.Resources.read()
	if err != nil {
		return none, err
	}
	if in.WorkingDir != "" && (!path.IsAbs(in.WorkingDir) || strings.ContainsRune(in.WorkingDir, 0)) {
		return none, invalid("working_dir", "must be an absolute path")
	}
	user := in.User
	if !strings.Contains(user, ":") {
		user += ":65534"
	}
	keep := container.LogConfig{Type: "none"} // the engine stores no output
	if !in.Remove {
		keep = container.LogConfig{Type: "local", Config: map[string]string{"max-size": "10m", "max-file": "1", "compress": "false"}}
	}
	return client.ContainerCreateOptions{
		Config: &container.Config{
			Image: in.Image, Cmd: words, Env: environment, WorkingDir: in.WorkingDir, User: user,
			AttachStdout: true, AttachStderr: true, Labels: labels(ctx, call, in.Remove),
		},
		HostConfig: &container.HostConfig{
			NetworkMode: container.NetworkMode(in.Network), IpcMode: "private", LogConfig: keep,
			ReadonlyRootfs: true, Tmpfs: map[string]string{"/tmp": "rw,nosuid,nodev,size=64m,mode=1777"},
			CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"},
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
			Resources:     bounds, Mounts: mounts,
		},
	}, nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

func variables(given map[string]string) ([]string, error) {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !variableName.MatchString(name) {
			return nil, invalid("env", "%q is not a valid variable name", name)
		}
		if strings.ContainsRune(given[name], 0) {
			return nil, invalid("env."+name, "contains a NUL byte")
		}
		out = append(out, name+"="+given[name])
	}
	return out, nil
}

// volumes returns read-only mounts of files and folders that policy allows.
func volumes(pol *policy.Policy, given map[string]string) ([]mount.Mount, error) {
	var out []mount.Mount
	for _, from := range slices.Sorted(maps.Keys(given)) {
		to, field := given[from], "volumes."+from
		source, err := pol.Dir(from)
		if err != nil {
			file, fileErr := pol.FilePath(from, false)
			if fileErr != nil {
				return nil, about(field, fileErr)
			}
			source = file
		} else if err := pol.NoSecretBelow(source); err != nil {
			return nil, about(field, err)
		}
		if !path.IsAbs(to) || path.Clean(to) != to || to == "/" || strings.ContainsAny(to, ":\x00") {
			return nil, invalid(field, "must be mounted at an absolute path below /; got %q", to)
		}
		for _, system := range []string{"/proc", "/sys", "/dev"} {
			if to == system || strings.HasPrefix(to, system+"/") {
				return nil, invalid(field, "can't be mounted at %s", to)
			}
		}
		out = append(out, mount.Mount{
			Type: mount.TypeBind, Source: source, Target: to, ReadOnly: true,
			BindOptions: &mount.BindOptions{Propagation: mount.PropagationRPrivate},
		})
	}
	return out, nil
}

func (r resources) read() (container.Resources, error) {
	processes := int64(maxProcesses)
	out := container.Resources{Memory: defaultMemory, NanoCPUs: 1e9, PidsLimit: &processes}
	if r.CPU != nil {
		var text string
		switch cpu := r.CPU.(type) {
		case string:
			text = cpu
		case json.Number:
			text = cpu.String()
		}
		cpus, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(cpus) || cpus < 0.01 || cpus > 256 {
			return out, invalid("resources.cpu", "must be a number of CPUs from 0.01 to 256; got %q", text)
		}
		out.NanoCPUs = int64(cpus * 1e9)
	}
	if r.Memory != "" {
		memory, err := parseMemory(r.Memory)
		if err != nil {
			return out, err
		}
		out.Memory = memory
	}
	out.MemorySwap = out.Memory // no swap
	return out, nil
}

var memoryForm = regexp.MustCompile(`^([0-9]{1,15})([bkmg]?)b?$`)

func parseMemory(text string) (int64, error) {
	match := memoryForm.FindStringSubmatch(strings.ToLower(text))
	if match == nil {
		return 0, invalid("resources.memory", "must be a number with b, k, m or g; got %q", text)
	}
	number, err := strconv.ParseInt(match[1], 10, 64)
	shift := map[string]int{"": 0, "b": 0, "k": 10, "m": 20, "g": 30}[match[2]]
	if err != nil || number > mostMemory>>shift || number<<shift < leastMemory {
		return 0, invalid("resources.memory", "must be from 6m to 64g; got %q", text)
	}
	return number << shift, nil
}

func about(field string, err error) error {
	var denied *policy.Denied
	if errors.As(err, &denied) {
		return &policy.Denied{Field: field, Message: denied.Message, Hint: denied.Hint}
	}
	if errors.Is(err, os.ErrNotExist) {
		return executors.Errorf(executors.NotFound, "%s: %w", field, err).WithField(field)
	}
	return invalid(field, "%v", err)
}

func invalid(field, format string, args ...any) *executors.Error {
	return executors.Errorf(executors.ValidationError, field+" "+format, args...).WithField(field)
}
