// Package features makes and reads the index of a dictionary over a capture:
// for every feature how often and how strongly it fires, which tokens it
// promotes, which features are like it, and examples of text it fires on.
package features
