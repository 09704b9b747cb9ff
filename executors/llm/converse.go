package llm

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/internal/model"
	"github.com/chainwright/chainwright/executors/llm/repeat"
	"github.com/chainwright/chainwright/executors/shorten"
)

var (
	//go:embed prompts/repair.md
	repairPrompt string
	//go:embed prompts/repair_schema.md
	repairSchema string
)

const (
	// longestShown is the largest part of a bad reply sent back, in bytes.
	longestShown = 32 << 10
	// mostProblems is the largest number of problems sent back.
	mostProblems = 40
	// leastTokens and mostTokens limit how max_tokens grows after a reply was cut
	// off.
	leastTokens, mostTokens = 2048, 64 << 10
)

// converse repeats a request until the reply satisfies it: with the problems
// after a bad reply, with more tokens after a cut one, and unchanged after an
// empty one.
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
		reply.Text, reply.Reasoning = splitThinking(reply.Text, reply.Reasoning, reply.FinishReason == FinishLength)
		if req.Redact != nil {
			reply.Text, reply.Reasoning = req.Redact(reply.Text), req.Redact(reply.Reasoning)
		}
		if err != nil {
			return reply, err
		}
		problems := judge(req, &reply)
		if len(problems) == 0 {
			return reply, nil
		}
		last := round >= repairs
		endless := ""
		if reply.FinishReason == FinishLength {
			endless = loop(reply.Text)
		}
		switch exact := req.Schema != nil || req.Check != nil; {
		case endless != "": // more tokens do not help
			problems = []string{endless}
			if last {
				return reply, bad(&reply, model.CodeLength, "the reply was cut off by max_tokens: "+endless)
			}
		case exact && reply.FinishReason == FinishLength:
			if grown, ok := larger(question.MaxTokens, reply.Usage.OutputTokens); ok && !last {
				question.MaxTokens = grown
				continue
			}
			return reply, bad(&reply, model.CodeLength, "the reply was cut off by max_tokens").WithField("max_tokens").
				WithHint("set max_tokens above " + count(question.MaxTokens) + ", or request a shorter reply")
		case strings.TrimSpace(reply.Text) == "":
			if !last {
				continue
			}
			return reply, bad(&reply, model.CodeEmpty, "the model returned an empty reply")
		case last:
			return reply, bad(&reply, model.CodeBadReply, "the model's reply is invalid: "+strings.Join(problems[:min(len(problems), 3)], "; "))
		}
		question.Messages = sentBack(req, &reply, problems)
	}
}

// judge returns the problems of a reply and sets the JSON of a valid one.
func judge(req *Request, reply *Reply) []string {
	if strings.TrimSpace(reply.Text) == "" {
		if req.Read != nil && req.Schema != nil && reply.FinishReason != FinishLength { // some models put the whole reply into their reasoning
			if own, ok := req.Read(reply.Reasoning); ok {
				reply.Text = string(own)
				return judge(req, reply)
			}
		}
		if reply.FinishReason == FinishLength && req.Schema == nil && req.Check == nil {
			return nil // the reasoning used up max_tokens, which FinishLength reports
		}
		return []string{"there is no text in the reply"}
	}
	if echoes(req, reply.Text) {
		return []string{"it repeats the prompt instead of answering it"}
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

// loop returns what is wrong with a reply of which at least half repeats the same
// words, or "".
func loop(text string) string {
	part, times := repeat.Loop(text)
	if 2*times*len(repeat.Fold(part)) < max(1, len(repeat.Fold(text))) {
		return ""
	}
	return fmt.Sprintf("it repeats the same words %d times: %.80s", times, part)
}

// shortestEcho is the length from which a reply counts as an echo, in bytes of
// letters and digits. Shorter prompts, such as a greeting, may be their own
// answer.
const shortestEcho = 40

// echoes reports whether a reply is the prompt of a request that has nothing
// else. With instructions in another message, the same text may be the right
// answer: a corrected text without mistakes.
func echoes(req *Request, text string) bool {
	if len(req.Messages) != 1 {
		return false
	}
	said := repeat.Fold(text)
	return len(said) >= shortestEcho && said == repeat.Fold(req.Messages[0].Content)
}

// sentBack returns the request's messages, followed by the bad reply and its
// problems. It contains the last reply only, so that the request does not grow.
func sentBack(req *Request, reply *Reply, problems []string) []Message {
	if len(problems) > mostProblems {
		problems = append(problems[:mostProblems:mostProblems], "and more")
	}
	text := strings.Replace(repairPrompt, "{{PROBLEMS}}", "- "+strings.Join(problems, "\n- "), 1)
	if req.Schema != nil {
		text += strings.Replace(repairSchema, "{{SCHEMA}}", string(req.Schema.JSON()), 1)
	}
	messages := req.Messages[:len(req.Messages):len(req.Messages)]
	return append(messages, Message{Role: RoleAssistant, Content: shorten.Bytes(reply.Text, longestShown)}, Message{Role: RoleUser, Content: strings.TrimSpace(text)})
}

// larger returns the limit to try after one that was too small.
func larger(bound, used int) (grown int, ok bool) {
	if bound == 0 {
		bound = used
	}
	grown = min(max(2*bound, leastTokens), mostTokens)
	return grown, grown > bound
}

func bad(reply *Reply, code, message string) *executors.Error {
	return executors.Errorf(executors.ExecutionError, "%s", message).WithCode(code).
		WithHint("the output contains the reply; try another model than " + reply.Model)
}
