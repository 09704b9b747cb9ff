package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
)

// Draft is a plan that was not started, for those who draw it.
type Draft struct {
	// Tree is nil if the plan has problems, which Report lists.
	Tree   *chain.Tree
	Report chain.Report
	// Digest names exactly what would be started: see Pending.Digest. It is empty
	// if the plan can't be started as it is, and then Refused says why.
	Digest  string
	Refused *executors.Error
	// Question is what a person has to agree to before the plan is started.
	Question *Question
}

// Draft checks a plan, which has the form of the arguments of run_task_tree. It
// starts nothing.
func (s *Set) Draft(ctx context.Context, arguments json.RawMessage) (*Draft, *executors.Error) {
	args, err := resolve(s.runs.defs[RunTaskTree], arguments, "tasks", "inputs")
	if err != nil {
		return nil, err
	}
	tree, report, err := s.runs.tree(args)
	if err != nil {
		return nil, err
	}
	d := &Draft{Tree: tree, Report: report}
	if len(report.Problems) > 0 {
		d.Tree = nil
		return d, nil
	}
	pending, ok := s.Prepare(ctx, RunTaskTree, &Request{Arguments: arguments})
	if !ok {
		d.Refused = executors.Errorf(executors.PermissionDenied, "%s is not published for this caller", RunTaskTree)
		return d, nil
	}
	if d.Digest, d.Refused = pending.Digest(); d.Refused == nil {
		d.Question = pending.Question
		d.Tree, _, _ = pending.work.(*runToStart).prepared.Target() // a saved tree may have changed meanwhile
	}
	return d, nil
}

// Digest returns a digest of what the call would start: the tree, its inputs, its
// tasks, and what a person has to agree to. A call that can't be made returns the
// error.
func (p *Pending) Digest() (string, *executors.Error) {
	start, ok := p.work.(*runToStart)
	if !ok {
		if failed, known := p.work.(*answered); known && failed.Err != nil {
			return "", failed.Err
		}
		return "", executors.Errorf(executors.ValidationError, "%s starts no run", p.tool)
	}
	tree, inputs, tasks := start.prepared.Target()
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %d", tree.Hash(), written(inputs), tasks)
	if p.Question != nil {
		fmt.Fprintf(sum, " %q", p.Question.Subject)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
