package rest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/internal/toxic"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	n := peers.StartNginx(t, peers.NginxOptions{Files: map[string]string{"long.txt": strings.Repeat("x", 5000) + "the end"}, HTTP2: true})
	for name, c := range map[string]struct{ address, url string }{
		"plain":  {n.Addr, "http://%s/long.txt?key=secret"},
		"HTTP/2": {n.TLSAddr, "https://%s/long.txt?key=secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			toxic.Faults(t, toxic.Peer{
				Address: c.address, Executor: "rest_executor", Answer: "the end", Secret: "key=secret", Keeps: true,
				Open: func(tb testing.TB, _ string) *executors.Registry {
					return executortest.Registry(tb, executortest.Policy(tb, local), New())
				},
				Inputs: func(address string) string {
					return fmt.Sprintf(`{"verify": false, "url": "`+c.url+`"}`, address)
				},
			})
		})
	}
}
