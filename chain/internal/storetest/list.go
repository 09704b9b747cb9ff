package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

func list(t *testing.T, s store.Store) {
	var want []string
	for i := range 25 {
		r := run(fmt.Sprintf("r%02d", i))
		if i%5 == 0 {
			r.Principal = "bob"
		}
		create(t, s, r)
		if i%2 == 0 {
			if err := write(s, &store.Batch{RunID: r.ID, Owner: "me", Status: "completed", CompletedAt: at}); err != nil {
				t.Fatal(err)
			}
		}
		if i%5 != 0 {
			want = append([]string{r.ID}, want...)
		}
	}
	s.Record(&store.Run{ID: "c1", Kind: store.KindCall, Principal: "ann", Name: "x", Owner: "me", Status: "completed", CreatedAt: at, CompletedAt: at,
		Outcome: &store.Transition{State: "completed", Attempt: 1}})
	want = append([]string{"c1"}, want...)
	pages := func(q store.Query) (ids []string) {
		for range 20 {
			page, err := s.List(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				return ids
			}
			for _, r := range page {
				ids = append(ids, r.ID)
			}
			q.Before = page[len(page)-1].ID
		}
		t.Fatal("the pages don't end")
		return nil
	}
	label := func(pairs ...string) map[string]string {
		labels := map[string]string{}
		for pair := range slices.Chunk(pairs, 2) {
			labels[pair[0]] = pair[1]
		}
		return labels
	}
	same(t, "ann's", pages(store.Query{Principal: "ann", Limit: 7}), want)
	same(t, "ann's trees", pages(store.Query{Principal: "ann", Kind: store.KindTree, Limit: 7}), want[1:])
	same(t, "bob's that go on", pages(store.Query{Principal: "bob", Status: "in_progress", Limit: 1}), []string{"r15", "r05"})
	if all := pages(store.Query{Anyone: true, Limit: 10}); len(all) != 26 {
		t.Errorf("all: %d", len(all))
	}
	for i, name := range []string{"Nightly 50% [report]", "nightly_report", "50 of ünlü", ""} {
		r := run(fmt.Sprint("n", i))
		r.Principal, r.Name, r.CreatedAt = "cid", name, at.Add(time.Duration(i)*time.Hour)
		r.Labels = map[string]string{"day": fmt.Sprint("mon", i%2), `a "b"`: "1"}
		if i == 3 {
			r.Labels = nil
		}
		create(t, s, r)
	}
	for what, q := range map[string]struct {
		q    store.Query
		want []string
	}{
		"a name":              {store.Query{Name: "NIGHTLY"}, []string{"n1", "n0"}},
		"a pattern is a text": {store.Query{Name: "0% ["}, []string{"n0"}},
		"an underscore":       {store.Query{Name: "y_r"}, []string{"n1"}},
		"other letters":       {store.Query{Name: "ünlü"}, []string{"n2"}},
		"no such name":        {store.Query{Name: "daily"}, nil},
		"a label":             {store.Query{Labels: label("day", "mon0")}, []string{"n2", "n0"}},
		"a quoted label":      {store.Query{Labels: label(`a "b"`, "1")}, []string{"n2", "n1", "n0"}},
		"two labels":          {store.Query{Labels: label("day", "mon0", `a "b"`, "1")}, []string{"n2", "n0"}},
		"one label of two":    {store.Query{Labels: label("day", "mon0", `a "b"`, "2")}, nil},
		"another value":       {store.Query{Labels: label("day", "mon")}, nil},
		"no such label":       {store.Query{Labels: label("mon0", "")}, nil},
		"an id":               {store.Query{Prefix: "n2"}, []string{"n2"}},
		"a prefix":            {store.Query{Prefix: "n"}, []string{"n3", "n2", "n1", "n0"}},
		"a prefix, too long":  {store.Query{Prefix: "n22"}, nil},
		"a wildcard":          {store.Query{Prefix: "%"}, nil},
		"since":               {store.Query{Since: at.Add(time.Hour)}, []string{"n3", "n2", "n1"}},
		"since, later":        {store.Query{Since: at.Add(time.Hour + 1)}, []string{"n3", "n2"}},
		"until":               {store.Query{Until: at.Add(time.Hour)}, []string{"n0"}},
		"until, later":        {store.Query{Until: at.Add(time.Hour + 1)}, []string{"n1", "n0"}},
		"all at once":         {store.Query{Name: "n", Labels: label("day", "mon0"), Since: at, Until: at.Add(2 * time.Hour)}, []string{"n0"}},
	} {
		q.q.Principal, q.q.Limit = "cid", 2
		same(t, what, pages(q.q), q.want)
	}
}
