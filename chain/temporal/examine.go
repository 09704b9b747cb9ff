//go:build temporal

package temporal

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// gone is the time after which a worker that has not asked for tasks is gone: it
// asks at least once a minute.
const gone = 90 * time.Second

// Examine asks a server about its namespace.
func Examine(ctx context.Context, at Address) (*State, error) {
	c, err := dial(ctx, at, zerolog.Nop())
	if err != nil {
		return nil, unreachable(at, err)
	}
	defer c.Close()
	s := &State{Queue: defaultQueue + "-" + build}
	about, err := c.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		return nil, unreachable(at, err)
	}
	s.Server = about.GetServerVersion()
	if _, err = c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: at.Namespace}); err != nil {
		return nil, unreachable(at, err)
	}
	if s.Workers, err = workersOf(ctx, c, s.Queue); err != nil {
		return nil, unreachable(at, err)
	}
	going := fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running'", workflowRun)
	others := fmt.Sprintf("%s AND TaskQueue != '%s'", going, s.Queue)
	for query, n := range map[string]*int64{going: &s.Runs, others: &s.OtherBuilds} {
		counted, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
		if err != nil {
			return nil, unreachable(at, err)
		}
		*n = counted.GetCount()
	}
	if s.OtherBuilds == 0 {
		return s, nil
	}
	page, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: others, PageSize: 100})
	if err != nil {
		return nil, unreachable(at, err)
	}
	seen := map[string]bool{}
	for _, w := range page.GetExecutions() {
		queue := w.GetTaskQueue()
		if seen[queue] {
			continue
		}
		seen[queue] = true
		n, err := workersOf(ctx, c, queue)
		if err != nil {
			return nil, unreachable(at, err)
		}
		if n == 0 {
			s.Deserted = append(s.Deserted, queue)
		}
	}
	slices.Sort(s.Deserted)
	return s, nil
}

// workersOf returns the number of processes that take tasks from a queue.
func workersOf(ctx context.Context, c client.Client, queue string) (int, error) {
	found, err := c.DescribeTaskQueue(ctx, queue, enums.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil {
		return 0, err
	}
	workers := map[string]bool{}
	for _, p := range found.GetPollers() {
		if time.Since(p.GetLastAccessTime().AsTime()) < gone {
			workers[p.GetIdentity()] = true
		}
	}
	return len(workers), nil
}
