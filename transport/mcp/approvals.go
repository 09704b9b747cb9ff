package mcp

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/tools"
)

// runMark stands between the state of an approval's question and the id of the
// run, which the subject of the state names too.
const runMark = "~"

// waitAgain is how long a call waits for a run after the person has answered.
const waitAgain = 30

// asks lets a call ask the person behind the client what the tasks of a run ask,
// while the call waits for that run. Calls of the newest revision ask with their
// reply.
func (s *Server) asks(c *Call, req *tools.Request, peer *Peer) {
	switch {
	case c.task != nil || c.TakesTasks():
	case Modern(c.Version):
		req.Rounds = showsForms(c.capabilities)
	case peer.Ask != nil:
		req.Ask = peer.Ask
	}
}

// told encodes the result of a call, or the question that the run asks which it
// waited for.
func (s *Server) told(ctx context.Context, c *Call, res *tools.Result) []byte {
	if res.Asked == nil {
		return s.encode(c, res)
	}
	state, err := s.states.issue(ctx, bindingOf(ctx, c, res.Asked))
	if err != nil {
		return s.encode(c, res) // the run waits, and can be answered elsewhere
	}
	return s.encodeQuestion(c, res.Asked.Question, state+runMark+res.Asked.RunID)
}

// bindingOf binds a question to the call that waited and to exactly this asking.
func bindingOf(ctx context.Context, c *Call, asked *tools.Asked) stateBinding {
	return stateBinding{Tool: c.Name, Arguments: tools.Canonical(c.Arguments), Principal: tools.CallerFrom(ctx).Principal, Subject: asked.Question.Subject}
}

// answered handles the round of a call that has the person's answer to what a run
// asks. The call then waits for that run again and starts nothing. ok is false for
// other calls.
func (s *Server) answered(ctx context.Context, c *Call, req *tools.Request) (reply []byte, ok bool) {
	state, run, is := strings.Cut(c.state, runMark)
	if !is || !Modern(c.Version) {
		return nil, false
	}
	said, given, err := decided(c.responses)
	if err != nil {
		return s.encode(c, tools.Failure(executors.AsError(err))), true
	}
	all, problem := s.set.Asked(ctx, run)
	if problem != nil {
		return s.encode(c, tools.Failure(problem)), true
	}
	wait := waitAgain
	if given {
		redeemed := false
		for _, asked := range all {
			if err = s.states.redeem(ctx, state, bindingOf(ctx, c, asked)); err == nil {
				redeemed = true
				if problem := s.set.Reply(ctx, asked, said); problem != nil {
					return s.encode(c, tools.Failure(problem)), true
				}
				break
			}
		}
		// Else it was answered elsewhere, or its time is over: the run says so.
		if !redeemed || said.Decision == tools.Dismissed {
			wait = 0
		}
	}
	follow := *req
	follow.Arguments = plainjson.Must(map[string]any{"run_id": run, "wait_seconds": wait})
	pending, ok := s.set.Prepare(ctx, tools.GetRun, &follow)
	if !ok {
		return s.encode(c, &tools.Result{Status: tools.StatusInProgress, RunID: run, Result: json.RawMessage(`{}`)}), true
	}
	return s.told(ctx, c, pending.Start(ctx)), true
}
