package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
)

//go:embed page
var pageFiles embed.FS

// kinds are the media types of the page's files, by ending.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
}

// file is a file of the page.
type file struct {
	kind, tag string
	data      []byte
}

// readFiles returns the files by their path. They are part of the program, so
// that reading them never fails.
func readFiles() map[string]file {
	files := map[string]file{}
	_ = fs.WalkDir(pageFiles, "page", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files["/"+name[len("page/"):]] = newFile(name)
		return nil
	})
	files["/"+path.Base(looksModule)] = newFile(looksModule)
	files["/"] = files["/index.html"]
	return files
}

func newFile(name string) file {
	data := readPart(name)
	sum := sha256.Sum256([]byte(data))
	return file{kinds[path.Ext(name)], `"` + hex.EncodeToString(sum[:8]) + `"`, []byte(data)}
}

// serveFile answers with a file of the page.
func (p *Page) serveFile(w http.ResponseWriter, r *http.Request) {
	found, ok := p.files[r.URL.Path]
	h := w.Header()
	switch {
	case !ok || found.kind == "":
		http.Error(w, "nothing is here; the page is at /", http.StatusNotFound)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "the page can only be read", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", found.kind)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", found.tag)
	if r.Header.Get("If-None-Match") == found.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(found.data)
}
