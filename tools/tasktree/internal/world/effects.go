package world

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// Effects are everything that has changed in a world, and what its model was
// asked. URL stands for the address of the API.
type Effects struct {
	Files    map[string]string // by name, those that are new or changed
	Gone     []string          // files that were removed
	Requests []Request
	Mails    []Mail
	// Added and Removed are rows of the tables, each as a JSON array. A row that
	// was changed is in both.
	Added, Removed map[string][]string
	Prompts        []string
	Failed         bool // the run did not complete
}

// Request is a request that had an effect at the API.
type Request struct{ Method, Path, Body string }

// Mail is a mail that was accepted. Attachments are at the end of the body.
type Mail struct{ To, Subject, Body string }

// Effects returns what has happened until a run has ended.
func (w *World) Effects(view *chain.RunView) Effects {
	w.tb.Helper()
	e := Effects{Failed: view.Status != chain.Completed, Files: map[string]string{}, Added: map[string][]string{}, Removed: map[string][]string{}}
	files, rows := w.readFiles(), w.readRows()
	for name, text := range files {
		if before, there := w.files[name]; !there || before != text {
			e.Files[name] = w.plain(text)
		}
	}
	for name := range w.files {
		if _, there := files[name]; !there {
			e.Gone = append(e.Gone, name)
		}
	}
	for table := range rows {
		if added := without(rows[table], w.rows[table]); len(added) > 0 {
			e.Added[table] = added
		}
	}
	for table := range w.rows {
		if removed := without(w.rows[table], rows[table]); len(removed) > 0 {
			e.Removed[table] = removed
		}
	}
	if w.model != nil {
		for _, request := range w.model.Requests() {
			e.Prompts = append(e.Prompts, w.plain(request.Last()))
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.requests {
		e.Requests = append(e.Requests, Request{r.Method, w.plain(r.Path), w.plain(r.Body)})
	}
	for _, m := range w.mails {
		e.Mails = append(e.Mails, Mail{m.To, w.plain(m.Subject), w.plain(m.Body)})
	}
	return e
}

// plain puts URL in the place of the API's address.
func (w *World) plain(text string) string { return strings.ReplaceAll(text, w.URL, "URL") }

// without returns what a list has more than another one, counting repetitions.
func without(list, other []string) (left []string) {
	times := map[string]int{}
	for _, each := range other {
		times[each]++
	}
	for _, each := range list {
		if times[each] > 0 {
			times[each]--
			continue
		}
		left = append(left, each)
	}
	return left
}

// readFiles returns the files of the folder and those below it, by path.
func (w *World) readFiles() map[string]string {
	w.tb.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(w.folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(w.folder, path)
		found[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		w.tb.Fatal(err)
	}
	return found
}

// readRows returns the rows of all tables. A table that is dropped has none.
func (w *World) readRows() map[string][]string {
	w.tb.Helper()
	found := map[string][]string{}
	for _, name := range w.query("select name from sqlite_master where type = 'table'") {
		var table []string
		if err := json.Unmarshal([]byte(name), &table); err != nil {
			w.tb.Fatal(err)
		}
		found[table[0]] = w.query(`select * from "` + table[0] + `"`)
	}
	return found
}

// query returns the rows of a query, each as a JSON array.
func (w *World) query(statement string) (found []string) {
	w.tb.Helper()
	db := w.open()
	defer db.Close()
	rows, err := db.Query(statement)
	if err != nil {
		w.tb.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		w.tb.Fatal(err)
	}
	for rows.Next() {
		values, places := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			places[i] = &values[i]
		}
		if err := rows.Scan(places...); err != nil {
			w.tb.Fatal(err)
		}
		for i, value := range values {
			if raw, ok := value.([]byte); ok {
				values[i] = string(raw)
			}
		}
		found = append(found, w.plain(string(plainjson.Must(values))))
	}
	if err := rows.Err(); err != nil {
		w.tb.Fatal(err)
	}
	return found
}
