package hub

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"agar/model/progress"
)

// Options says where a hub is and what to take from it. FromEnv fills in the
// first four; the zero values of the others are good.
type Options struct {
	Endpoint string // URL of the hub, without a slash at its end
	Token    string // sent to the endpoint, never to where it redirects; "" for none
	Cache    string // directory of the cache, $HF_HOME/hub
	Offline  bool   // nothing is asked of the hub

	File     string   // the one file to take, for repositories of GGUF files; "" for what agar would choose
	Include  []string // take the files that one of these globs matches instead
	Exclude  []string // leave out those that one of these matches
	Verify   bool     // hash again what the cache already has
	Parallel int      // connections at once; 0 is 4
	Chunk    int64    // bytes of a range; 0 is 16 MiB
	// Backoff is the wait before the first repetition, doubled for each further
	// one up to a sixteenfold; 0 is half a second.
	Backoff  time.Duration
	Client   *http.Client // nil is one that gives up on a silent server after a minute
	Progress progress.Func
}

// FromEnv reads the variables of huggingface_hub: HF_ENDPOINT, HF_TOKEN (or the
// file HF_TOKEN_PATH, $HF_HOME/token), HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME and
// HF_HUB_OFFLINE.
func FromEnv(getenv func(string) string) Options {
	home := getenv("HF_HOME")
	if home == "" {
		home = filepath.Join(cacheHome(getenv), "huggingface")
	}
	home = expand(home, getenv)
	o := Options{
		Endpoint: strings.TrimRight(or(getenv("HF_ENDPOINT"), "https://huggingface.co"), "/"),
		Token:    strings.TrimSpace(getenv("HF_TOKEN")),
		Cache:    expand(or(getenv("HF_HUB_CACHE"), or(getenv("HUGGINGFACE_HUB_CACHE"), filepath.Join(home, "hub"))), getenv),
		Offline:  isTrue(getenv("HF_HUB_OFFLINE")) || isTrue(getenv("TRANSFORMERS_OFFLINE")),
	}
	if o.Token == "" {
		data, err := os.ReadFile(or(getenv("HF_TOKEN_PATH"), filepath.Join(home, "token")))
		if err == nil {
			o.Token = strings.TrimSpace(string(data))
		}
	}
	return o
}

func cacheHome(getenv func(string) string) string {
	if d := getenv("XDG_CACHE_HOME"); d != "" {
		return d
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ".cache"
	}
	return filepath.Join(home, ".cache")
}

// expand does for ~ and $NAME what huggingface_hub does.
func expand(p string, getenv func(string) string) string {
	if rest, ok := strings.CutPrefix(p, "~"); ok && (rest == "" || rest[0] == '/') {
		if home, err := os.UserHomeDir(); err == nil {
			p = home + rest
		}
	}
	return os.Expand(p, getenv)
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// isTrue reads a flag of the environment.
func isTrue(v string) bool {
	switch strings.ToUpper(v) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}

func (o *Options) parallel() int {
	if o.Parallel > 0 {
		return o.Parallel
	}
	return 4
}

func (o *Options) chunk() int64 {
	if o.Chunk > 0 {
		return o.Chunk
	}
	return 16 << 20
}

func (o *Options) backoff() time.Duration {
	if o.Backoff > 0 {
		return o.Backoff
	}
	return 500 * time.Millisecond
}
