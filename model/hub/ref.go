package hub

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// Ref names a revision of a repository.
type Ref struct {
	Repo     string // OWNER/NAME, or NAME alone as the oldest models have it
	Revision string // branch, tag or commit; "main" unless given
}

var (
	repoName = regexp.MustCompile(`^(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}$`)
	commitID = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// ParseRef reads OWNER/NAME[@REVISION]. A text that cannot be one wraps ErrName.
func ParseRef(s string) (Ref, error) {
	repo, rev, at := strings.Cut(s, "@")
	if !at {
		rev = "main"
	}
	if !repoName.MatchString(repo) || strings.Contains(repo, "..") || strings.Contains(repo, "--") || strings.HasSuffix(repo, ".git") {
		return Ref{}, fmt.Errorf("hub: %q: %w, expected OWNER/NAME[@REVISION]", s, ErrName)
	}
	if err := checkPath(rev); err != nil {
		return Ref{}, fmt.Errorf("hub: %q: revision %w", s, err)
	}
	return Ref{Repo: repo, Revision: rev}, nil
}

// String is the form that ParseRef reads.
func (r Ref) String() string { return r.Repo + "@" + r.Revision }

// folder is the repository's directory in the cache.
func (r Ref) folder() string { return "models--" + strings.ReplaceAll(r.Repo, "/", "--") }

// checkPath refuses paths that would leave the directory they are joined to.
func checkPath(p string) error {
	if p == "" || strings.ContainsAny(p, "\\:\x00") || path.IsAbs(p) || path.Clean(p) != p || p == ".." || strings.HasPrefix(p, "../") {
		return fmt.Errorf("found path %q, expected one inside the repository", p)
	}
	return nil
}
