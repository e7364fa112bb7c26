// Package hubtest is a hub on loopback for tests, which can be told to misbehave.
package hubtest

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Commit is what main is at.
const Commit = "0123456789abcdef0123456789abcdef01234567"

// Hub serves one repository, org/tiny. Once a request was made, its fields change
// through Change only.
type Hub struct {
	*httptest.Server
	Files    map[string][]byte
	Drop     int    // so many answers end in the middle
	Busy     int    // so many answers are 503
	Lie      string // what answers lie about: "range", "total", "length", "hash" or nothing
	NoRanges bool   // only whole files are sent
	Bare     bool   // the listing has neither sizes nor hashes
	Secret   string // the token that is needed

	contents *httptest.Server // where large files are redirected to
	large    map[string]bool  // files that live there, named by SHA-256
	mu       sync.Mutex
	gets     map[string]int // requests for a file's contents
	tokens   []string       // Authorization headers that the other server saw
}

// New starts a hub of files, of which those named are large; they end with the
// test.
func New(t testing.TB, files map[string][]byte, large ...string) *Hub {
	t.Helper()
	h := &Hub{Files: files, large: map[string]bool{}, gets: map[string]int{}}
	for _, n := range large {
		h.large[n] = true
	}
	h.Server = httptest.NewServer(http.HandlerFunc(h.serve))
	h.contents = httptest.NewServer(http.HandlerFunc(h.serveLarge))
	t.Cleanup(func() { h.Close(); h.contents.Close() })
	return h
}

// Change changes the hub between requests.
func (h *Hub) Change(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

// Count is how many requests for contents there were.
func (h *Hub) Count() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range h.gets {
		n += k
	}
	return n
}

// Gets is how many requests there were for the contents of a file.
func (h *Hub) Gets(name string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gets[name]
}

// Tokens lists the Authorization headers that reached the server of large files.
func (h *Hub) Tokens() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.tokens)
}

func (h *Hub) etag(name string) string {
	data := h.Files[name]
	if h.large[name] {
		sum := sha256.Sum256(data)
		return hex.EncodeToString(sum[:])
	}
	sum := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(data)), data...))
	return hex.EncodeToString(sum[:])
}

func (h *Hub) serve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.Secret != "" && r.Header.Get("Authorization") != "Bearer "+h.Secret {
		w.Header().Set("X-Error-Message", "Invalid credentials")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if rev, ok := strings.CutPrefix(r.URL.Path, "/api/models/org/tiny/revision/"); ok {
		h.serveListing(w, rev)
		return
	}
	if r.URL.Path == "/api/models/org/tiny/tree/"+Commit {
		h.serveTree(w)
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/org/tiny/resolve/"+Commit+"/")
	if !ok {
		name, ok = strings.CutPrefix(r.URL.Path, "/org/tiny/resolve/main/")
	}
	if _, exists := h.Files[name]; !ok || !exists {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("X-Repo-Commit", Commit)
	if h.large[name] {
		w.Header().Set("X-Linked-Etag", strconv.Quote(h.etag(name)))
		w.Header().Set("X-Linked-Size", strconv.Itoa(len(h.Files[name])))
		http.Redirect(w, r, h.contents.URL+"/"+url.PathEscape(name), http.StatusFound)
		return
	}
	w.Header().Set("ETag", strconv.Quote(h.etag(name)))
	h.send(w, r, name)
}

func (h *Hub) serveLarge(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tokens = append(h.tokens, r.Header.Get("Authorization"))
	h.send(w, r, strings.TrimPrefix(r.URL.Path, "/"))
}

func (h *Hub) serveListing(w http.ResponseWriter, rev string) {
	if rev != "main" && rev != Commit && rev != "refs/pr/1" {
		w.Header().Set("X-Error-Code", "RevisionNotFound")
		w.WriteHeader(http.StatusNotFound)
		return
	}
	var siblings []map[string]any
	for name, data := range h.Files {
		s := map[string]any{"rfilename": name}
		if !h.Bare {
			s["size"], s["blobId"] = len(data), h.etag(name)
			if h.large[name] {
				s["blobId"] = strings.Repeat("0", 40)
				s["lfs"] = map[string]any{"sha256": h.etag(name), "size": len(data), "pointerSize": 134}
			}
		}
		siblings = append(siblings, s)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"id": "org/tiny", "sha": Commit, "siblings": siblings})
}

// serveTree is the listing that huggingface_hub asks for beside the other one.
func (h *Hub) serveTree(w http.ResponseWriter) {
	var tree []map[string]any
	for name, data := range h.Files {
		e := map[string]any{"type": "file", "path": name, "size": len(data), "oid": h.etag(name)}
		if h.large[name] {
			e["oid"] = strings.Repeat("0", 40)
			e["lfs"] = map[string]any{"oid": h.etag(name), "size": len(data), "pointerSize": 134}
		}
		tree = append(tree, e)
	}
	_ = json.NewEncoder(w).Encode(tree)
}

// send answers a request for contents, or a lie about them.
func (h *Hub) send(w http.ResponseWriter, r *http.Request, name string) {
	data := h.Files[name]
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		return
	}
	h.gets[name]++
	if h.Busy > 0 {
		h.Busy--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if h.Lie == "hash" {
		data = append([]byte{data[0] ^ 1}, data[1:]...)
	}
	status, from, to := http.StatusOK, 0, len(data)
	if spec := r.Header.Get("Range"); spec != "" && !h.NoRanges {
		if _, err := fmt.Sscanf(spec, "bytes=%d-%d", &from, &to); err != nil {
			panic(spec)
		}
		to++
		status = http.StatusPartialContent
		w.Header().Set("Content-Range", h.contentRange(from, to, len(data)))
	}
	body := data[from:to]
	if h.Lie == "length" {
		body = body[:len(body)-1]
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if h.Drop > 0 && len(body) > 1 {
		h.Drop--
		_, _ = w.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(body)
}

func (h *Hub) contentRange(from, to, size int) string {
	switch h.Lie {
	case "range":
		from++
	case "total":
		size++
	}
	return fmt.Sprintf("bytes %d-%d/%d", from, to-1, size)
}
