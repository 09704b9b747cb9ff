package llm

import (
	"context"
	_ "embed"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/model"
)

var (
	//go:embed prompts/repair.md
	repairPrompt string
	//go:embed prompts/repair_schema.md
	repairSchema string
)

const (
	// longestShown is how much of a bad reply goes back to the model.
	longestShown = 32 << 10
	// mostProblems is how many problems go back.
	mostProblems = 40
	// leastTokens and mostTokens bound how a reply's bound grows that was too
	// small.
	leastTokens, mostTokens = 2048, 64 << 10
)

// converse asks until the reply is what it must be: with the reasons where it
// was bad, with more room where it was cut off, and just again where there was
// nothing in it.
func (c *Client) converse(ctx context.Context, e *endpoint, req *Request, name string) (Reply, error) {
	repairs := req.Repairs
	if repairs == 0 {
		repairs = DefaultRepairs
	}
	question := req.question(name)
	var sum Usage
	for round := 0; ; round++ {
		reply, err := c.send(ctx, e, req.Meter, question)
		sum = sum.Plus(reply.Usage)
		reply.Usage = sum
		reply.Text, reply.Reasoning = splitThinking(reply.Text, reply.Reasoning)
		if err != nil {
			return reply, err
		}
		problems := judge(req, &reply)
		if len(problems) == 0 {
			return reply, nil
		}
		last := round >= repairs
		switch exact := req.Schema != nil || req.Check != nil; {
		case exact && reply.FinishReason == FinishLength:
			if grown, ok := larger(question.MaxTokens, reply.Usage.OutputTokens); ok && !last {
				question.MaxTokens = grown
				continue
			}
			return reply, bad(&reply, model.CodeLength, "the reply was cut off by max_tokens").WithField("max_tokens").
				WithHint("allow more than " + count(question.MaxTokens) + ", or ask for less")
		case strings.TrimSpace(reply.Text) == "":
			if !last {
				continue
			}
			return reply, bad(&reply, model.CodeEmpty, "the model gave an empty reply")
		case last:
			return reply, bad(&reply, model.CodeBadReply, "the model's reply is not what was asked for: "+strings.Join(problems[:min(len(problems), 3)], "; "))
		}
		question.Messages = sentBack(req, &reply, problems)
	}
}

// judge says what is wrong with a reply, and takes the JSON out of a good one.
func judge(req *Request, reply *Reply) []string {
	if strings.TrimSpace(reply.Text) == "" {
		if req.Read != nil && req.Schema != nil && reply.FinishReason != FinishLength { // some say it all while they think
			if own, ok := req.Read(reply.Reasoning); ok {
				reply.Text = string(own)
				return judge(req, reply)
			}
		}
		if reply.FinishReason == FinishLength && req.Schema == nil && req.Check == nil {
			return nil // the model used up its bound with thinking, and says so
		}
		return []string{"there is no text in the reply"}
	}
	if req.Schema != nil {
		whole := reply.FinishReason != FinishLength
		raw, problems := readJSON(reply.Text, req.Schema, whole)
		if len(problems) > 0 && req.Read != nil {
			if own, ok := req.Read(reply.Text); ok {
				raw, problems = readJSON(string(own), req.Schema, whole)
			}
		}
		if len(problems) > 0 {
			return problems
		}
		reply.JSON = raw
	}
	if req.Check != nil {
		return req.Check(reply)
	}
	return nil
}

// sentBack is the question with the bad reply and the reasons behind it. Only
// the latest reply is in it, so that rounds don't add up.
func sentBack(req *Request, reply *Reply, problems []string) []Message {
	if len(problems) > mostProblems {
		problems = append(problems[:mostProblems:mostProblems], "and more of the kind")
	}
	text := strings.Replace(repairPrompt, "{{PROBLEMS}}", "- "+strings.Join(problems, "\n- "), 1)
	if req.Schema != nil {
		text += strings.Replace(repairSchema, "{{SCHEMA}}", string(req.Schema.JSON()), 1)
	}
	shown := reply.Text
	if len(shown) > longestShown {
		shown = strings.ToValidUTF8(shown[:longestShown], "") + "\n…"
	}
	messages := req.Messages[:len(req.Messages):len(req.Messages)]
	return append(messages, Message{Role: RoleAssistant, Content: shown}, Message{Role: RoleUser, Content: strings.TrimSpace(text)})
}

// larger is the bound to try after one that was too small.
func larger(bound, used int) (grown int, ok bool) {
	if bound == 0 {
		bound = used
	}
	grown = min(max(2*bound, leastTokens), mostTokens)
	return grown, grown > bound
}

func bad(reply *Reply, code, message string) *executors.Error {
	return executors.Errorf(executors.ExecutionError, "%s", message).WithCode(code).
		WithHint("the reply as it came is kept in the output; another model may do better than " + reply.Model)
}
