package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"agar/model/progress"
)

// Names of the files.
const (
	InfoFile    = "job.json"
	LockFile    = "job.lock"
	EventsFile  = "progress.jsonl"
	ControlFile = "control.jsonl"
)

// Info is the content of job.json.
type Info struct {
	Command []string `json:"command"`
	PID     int      `json:"pid"`
	Host    string   `json:"host"`
	BootID  string   `json:"boot_id,omitempty"` // changes with every start of the machine; Linux only
}

// Options says how a job runs. The zero value is a fresh job with progress.jsonl.
type Options struct {
	Command    []string // for job.json
	Resume     bool     // go on in a directory that holds something
	Events     string   // file of events, "" means progress.jsonl
	KeepEvents bool     // events and controls stay when the job ends well
}

// Job is a held output directory. Its methods are for one goroutine.
type Job struct {
	dir     string
	o       Options
	lock    *flock.Flock
	made    bool // the directory is ours
	events  *os.File
	control tail
	replay  []echo
}

// LockedError is returned by Begin when another process writes to the directory.
type LockedError struct {
	Dir    string
	Holder Info // zero when its job.json cannot be read
}

func (e *LockedError) Error() string {
	if e.Holder.PID == 0 {
		return fmt.Sprintf("job: %s: another process writes here", e.Dir)
	}
	return fmt.Sprintf("job: %s: process %d on %s writes here (%s)", e.Dir, e.Holder.PID, e.Holder.Host, strings.Join(e.Holder.Command, " "))
}

// ErrNotEmpty is returned by Begin, wrapped, when the directory holds something
// and Options.Resume is false.
var ErrNotEmpty = errors.New("directory is not empty (--resume goes on in it)")

// Begin takes the directory dir, which it makes when it is absent, writes
// job.json and opens the events. The caller must End the job.
func Begin(dir string, o Options) (*Job, error) {
	if o.Events == "" {
		o.Events = EventsFile
	}
	_, err := os.Stat(dir)
	j := &Job{dir: dir, o: o, made: errors.Is(err, fs.ErrNotExist)}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("job: %w", err)
	}
	if err := j.take(); err != nil {
		return nil, err
	}
	if err := j.start(); err != nil {
		return nil, errors.Join(err, j.lock.Close())
	}
	return j, nil
}

// take gets the lock.
func (j *Job) take() error {
	l := flock.New(filepath.Join(j.dir, LockFile))
	ok, err := l.TryLock()
	switch {
	case err != nil:
		return fmt.Errorf("job: lock %s: %w", l.Path(), err)
	case !ok:
		info, _ := ReadInfo(j.dir)
		return errors.Join(&LockedError{Dir: j.dir, Holder: info}, l.Close())
	}
	j.lock = l
	return nil
}

// start checks the directory and opens what the job writes.
func (j *Job) start() error {
	if !j.o.Resume {
		left, err := j.others(LockFile)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("job: %s: found %s: %w", j.dir, left[0], ErrNotEmpty)
		}
	}
	if err := j.writeInfo(); err != nil {
		return err
	}
	f, echoes, err := openEvents(filepath.Join(j.dir, j.o.Events))
	if err != nil {
		return err
	}
	j.events, j.replay = f, echoes
	j.control = tail{path: filepath.Join(j.dir, ControlFile)}
	return j.control.skip(len(echoes))
}

func (j *Job) writeInfo() error {
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("job: %w", err)
	}
	b, err := json.Marshal(Info{Command: j.o.Command, PID: os.Getpid(), Host: host, BootID: bootID()})
	if err != nil {
		return fmt.Errorf("job: %w", err)
	}
	path := filepath.Join(j.dir, InfoFile)
	if err := os.WriteFile(path+".tmp", append(b, '\n'), 0o666); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	return nil
}

// bootID tells this start of the machine from others, "" where the system has no
// such thing.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// ReadInfo reads the job.json of a directory.
func ReadInfo(dir string) (Info, error) {
	var info Info
	b, err := os.ReadFile(filepath.Join(dir, InfoFile))
	if err == nil {
		err = json.Unmarshal(b, &info)
	}
	if err != nil {
		return Info{}, fmt.Errorf("job: %w", err)
	}
	return info, nil
}

// Running says whether a process holds the directory.
func Running(dir string) (bool, error) {
	path := filepath.Join(dir, LockFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	l := flock.New(path)
	ok, err := l.TryRLock()
	if err != nil {
		return false, fmt.Errorf("job: lock %s: %w", path, err)
	}
	return !ok, l.Close()
}

// Resumed says whether an earlier job left anything in the directory.
func (j *Job) Resumed() (bool, error) {
	left, err := j.others(LockFile, InfoFile, j.o.Events, ControlFile)
	return len(left) > 0, err
}

// Progress writes an event to the events file.
func (j *Job) Progress(e progress.Event) error { return j.line(e) }

func (j *Job) line(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("job: event: %w", err)
	}
	if _, err := j.events.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	return nil
}

// End releases the directory. With a nil err the job is finished and its files
// go, but for the lock file and what KeepEvents keeps. Otherwise events and
// controls stay for the one who resumes, unless the job had not produced
// anything yet: then nothing of it is left, and a directory that Begin made is
// removed. End returns err joined with what went wrong in it.
func (j *Job) End(err error) error {
	errs := []error{err, j.events.Close()}
	if err == nil && !j.o.KeepEvents {
		errs = append(errs, j.remove(j.o.Events), j.remove(ControlFile))
	}
	if err != nil {
		errs = append(errs, j.vanish())
	}
	// job.json goes last: as long as it is there, there may be more to clean up.
	return errors.Join(append(errs, j.remove(InfoFile), j.lock.Close())...)
}

// vanish removes all traces of a job that produced nothing.
func (j *Job) vanish() error {
	left, err := j.others(LockFile, InfoFile, j.o.Events, ControlFile)
	if err != nil || len(left) > 0 {
		return err
	}
	err = errors.Join(j.remove(j.o.Events), j.remove(ControlFile), j.remove(InfoFile))
	if !j.made {
		return err
	}
	// The lock file has to go before its directory; where an open file cannot be
	// removed, both stay.
	_ = os.Remove(filepath.Join(j.dir, LockFile))
	_ = os.Remove(j.dir)
	return err
}

func (j *Job) remove(name string) error {
	if err := os.Remove(filepath.Join(j.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("job: %w", err)
	}
	return nil
}

// others lists what the directory holds besides the files named.
func (j *Job) others(except ...string) ([]string, error) {
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return nil, fmt.Errorf("job: %w", err)
	}
	var out []string
next:
	for _, e := range entries {
		for _, x := range except {
			if e.Name() == x {
				continue next
			}
		}
		out = append(out, e.Name())
	}
	return out, nil
}
