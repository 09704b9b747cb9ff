// Package system implements system_info_executor. It is not a stable API.
// The executor measures the machine that the server runs on. In a container,
// its limits count.
package system

import (
	"context"
	"embed"
	"math"

	"github.com/chainwright/chainwright/executors"
)

//go:embed definition.yaml
var files embed.FS

// New returns system_info_executor.
func New() executors.Executor {
	return executors.New(executors.MustLoad(files), execute)
}

type input struct {
	Resource string  `json:"resource"`
	Timeout  float64 `json:"timeout"` // applied by the registry
}

type output struct {
	Resource    string            `json:"resource"`
	CPU         *processors       `json:"cpu,omitempty"`
	Memory      *memory           `json:"memory,omitempty"`
	Disk        *disks            `json:"disk,omitempty"`
	Network     *network          `json:"network,omitempty"`
	Host        *machine          `json:"host,omitempty"`
	Unavailable map[string]string `json:"unavailable,omitempty"`
}

// resources lists what is measured, in this order.
var resources = []struct {
	name    string
	measure func(context.Context, *output) error
}{
	{"cpu", func(ctx context.Context, out *output) (err error) {
		out.CPU, err = measureProcessors(ctx, ownGroup())
		return err
	}},
	{"memory", func(ctx context.Context, out *output) (err error) {
		out.Memory, err = measureMemory(ctx, ownGroup())
		return err
	}},
	{"disk", func(ctx context.Context, out *output) (err error) {
		out.Disk, err = measureDisks(ctx)
		return err
	}},
	{"network", func(ctx context.Context, out *output) (err error) {
		out.Network, err = measureNetwork(ctx)
		return err
	}},
	{"host", func(ctx context.Context, out *output) (err error) {
		out.Host, err = measureMachine(ctx)
		return err
	}},
}

// execute fails if the requested resource can't be measured. If all were
// requested, it returns the others.
func execute(ctx context.Context, _ *executors.Call, in input) (*output, error) {
	out := &output{Resource: in.Resource}
	for _, r := range resources {
		if in.Resource != "all" && in.Resource != r.name {
			continue
		}
		err := r.measure(ctx, out)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if in.Resource != "all" {
			return nil, executors.Errorf(executors.ExecutionError, "measuring %s: %w", r.name, err).WithField("resource")
		}
		if out.Unavailable == nil {
			out.Unavailable = map[string]string{}
		}
		out.Unavailable[r.name] = err.Error()
	}
	return out, nil
}

// percent returns part as a percentage of whole, with one decimal, between 0
// and 100.
func percent(part, whole float64) float64 {
	if whole <= 0 || part <= 0 {
		return 0
	}
	return math.Round(min(part/whole, 1)*1000) / 10
}
