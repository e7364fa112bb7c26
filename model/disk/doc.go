// Package disk says how much room a file system has left.
package disk
