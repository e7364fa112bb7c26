package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// repoCache is a repository's directory in the cache.
type repoCache struct {
	dir   string // …/models--OWNER--NAME
	locks string // …/.locks/models--OWNER--NAME
}

func (o *Options) repo(r Ref) repoCache {
	return repoCache{dir: filepath.Join(o.Cache, r.folder()), locks: filepath.Join(o.Cache, ".locks", r.folder())}
}

func (c repoCache) blob(etag string) string       { return filepath.Join(c.dir, "blobs", etag) }
func (c repoCache) snapshot(commit string) string { return filepath.Join(c.dir, "snapshots", commit) }

// commit is what the cache knows a revision to be; "" when it knows nothing.
func (c repoCache) commit(revision string) (string, error) {
	if commitID.MatchString(revision) {
		return revision, nil
	}
	data, err := os.ReadFile(filepath.Join(c.dir, "refs", filepath.FromSlash(revision)))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	commit := strings.TrimSpace(string(data))
	if err == nil && !commitID.MatchString(commit) {
		err = fmt.Errorf("%s: found %q, expected a commit", filepath.Join(c.dir, "refs", revision), commit)
	}
	return commit, err
}

// remember notes the commit of a revision.
func (c repoCache) remember(revision, commit string) error {
	if revision == commit {
		return nil
	}
	return writeFile(filepath.Join(c.dir, "refs", filepath.FromSlash(revision)), []byte(commit))
}

// link makes the file of a snapshot point to its blob, by a relative link, or
// where there are no links by a copy.
func (c repoCache) link(commit, name, etag string) error {
	at := filepath.Join(c.snapshot(commit), filepath.FromSlash(name))
	if a, err := os.Stat(at); err == nil {
		if b, err := os.Stat(c.blob(etag)); err == nil && (os.SameFile(a, b) || !isLink(at) && a.Size() == b.Size()) {
			return nil
		}
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return err
	}
	to, err := filepath.Rel(filepath.Dir(at), c.blob(etag))
	if err != nil {
		return err
	}
	tmp := at + ".agar-tmp"
	if err := errors.Join(remove(tmp), os.Symlink(to, tmp)); err != nil {
		if err := copyFile(tmp, c.blob(etag)); err != nil {
			return err
		}
	}
	return os.Rename(tmp, at)
}

func isLink(p string) bool {
	st, err := os.Lstat(p)
	return err == nil && st.Mode()&fs.ModeSymlink != 0
}

// Find gives the directory of a revision that the cache holds, or the .gguf file
// when the directory's only model is one. It asks nothing of the hub. What is not
// there wraps ErrNotCached.
func Find(o Options, r Ref) (string, error) {
	c := o.repo(r)
	commit, err := c.commit(r.Revision)
	if err != nil {
		return "", fmt.Errorf("hub: %w", err)
	}
	dir := c.snapshot(commit)
	if commit != "" {
		if _, err := os.Stat(dir); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("hub: %s: %w %s; 'agar model pull %s' fetches it", r, ErrNotCached, o.Cache, r)
}

// Open is the path by which a pulled model is opened: dir, or the only .gguf file
// in it when there is no config.json.
func Open(dir string) string {
	if _, err := os.Stat(filepath.Join(dir, "config.json")); err == nil {
		return dir
	}
	found, _ := filepath.Glob(filepath.Join(dir, "*.gguf"))
	if len(found) == 1 {
		return found[0]
	}
	return dir
}
