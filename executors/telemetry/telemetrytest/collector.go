// Package telemetrytest has an OTLP/HTTP collector for tests. It is not a stable API.
package telemetrytest

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	trace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Collector keeps the spans that it receives.
type Collector struct {
	URL string

	mu       sync.Mutex
	spans    []Span
	services map[string]bool
	requests int
	raw      bytes.Buffer
}

// Span is a span as a test reads it. Ids are in hexadecimal.
type Span struct {
	Name, Trace, ID, Parent string
	Kind                    string
	Failed                  bool
	Attributes              map[string]string
	Events                  []string
	Links                   []string // TRACE-SPAN
}

// Own returns the span as a link to it names it.
func (s *Span) Own() string { return s.Trace + "-" + s.ID }

// New starts a collector, which ends with the test.
func New(tb testing.TB) *Collector {
	tb.Helper()
	c := &Collector{services: map[string]bool{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.receive(r); err != nil {
			tb.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	tb.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

func (c *Collector) receive(r *http.Request) error {
	if r.URL.Path != "/v1/traces" {
		return fmt.Errorf("nothing is received at %s", r.URL.Path)
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(r.Body); err != nil {
			return err
		}
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	request := &trace.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(raw, request); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	_, _ = c.raw.Write(raw)
	for _, resource := range request.GetResourceSpans() {
		c.services[texts(resource.GetResource().GetAttributes())["service.name"]] = true
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.spans = append(c.spans, read(span))
			}
		}
	}
	return nil
}

func read(s *spans.Span) Span {
	span := Span{
		Name: s.GetName(), Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()),
		Kind:   strings.ToLower(strings.TrimPrefix(s.GetKind().String(), "SPAN_KIND_")),
		Failed: s.GetStatus().GetCode() == spans.Status_STATUS_CODE_ERROR, Attributes: texts(s.GetAttributes()),
	}
	for _, event := range s.GetEvents() {
		span.Events = append(span.Events, event.GetName())
	}
	for _, link := range s.GetLinks() {
		span.Links = append(span.Links, hex.EncodeToString(link.GetTraceId())+"-"+hex.EncodeToString(link.GetSpanId()))
	}
	return span
}

func texts(list []*common.KeyValue) map[string]string {
	out := map[string]string{}
	for _, each := range list {
		switch value := each.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			out[each.GetKey()] = value.StringValue
		case *common.AnyValue_IntValue:
			out[each.GetKey()] = strconv.FormatInt(value.IntValue, 10)
		default:
			out[each.GetKey()] = each.GetValue().String()
		}
	}
	return out
}

// Spans returns the spans that have arrived, in the order of their ends.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Services returns the names of the services that have sent spans.
func (c *Collector) Services() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for name := range c.services {
		names = append(names, name)
	}
	return names
}

// Requests returns the number of requests that have arrived.
func (c *Collector) Requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

// Raw returns the bodies of the requests as they were before their compression.
func (c *Collector) Raw() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.raw.Bytes())
}

// One returns the only span for which is is true.
func (c *Collector) One(tb testing.TB, what string, is func(*Span) bool) Span {
	tb.Helper()
	var found []Span
	all := c.Spans()
	for i := range all {
		if is(&all[i]) {
			found = append(found, all[i])
		}
	}
	if len(found) != 1 {
		tb.Fatalf("there are %d spans of %s, not 1, among\n%s", len(found), what, Tree(all))
	}
	return found[0]
}

// Named returns the only span with a name.
func (c *Collector) Named(tb testing.TB, name string) Span {
	tb.Helper()
	return c.One(tb, name, func(s *Span) bool { return s.Name == name })
}

// Tree draws spans as a tree, for the messages of tests.
func Tree(all []Span) string {
	var b strings.Builder
	known := map[string]bool{}
	for i := range all {
		known[all[i].ID] = true
	}
	var draw func(parent string, root bool, indent string)
	draw = func(parent string, root bool, indent string) {
		for i := range all {
			s := &all[i]
			if s.Parent == parent && !root || root && !known[s.Parent] {
				fmt.Fprintf(&b, "%s%s (trace %s, parent %s) %v %v\n", indent, s.Name, s.Trace, s.Parent, s.Attributes, s.Links)
				draw(s.ID, false, indent+"  ")
			}
		}
	}
	draw("", true, "")
	return b.String()
}
