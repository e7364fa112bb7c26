// Package report writes what a fine-tune went through as a page: report.md,
// report.html, plots (PNG and SVG), phase.arrow, report.json with every number, and
// manifest.json with the SHA-256 of every input and output.
//
// Words are made from numbers by rule. Whatever is said or drawn is in report.json
// under a key, and the page names that key beside it; the numbers of report.json come
// from the files in the manifest. [Verify] finds those files again, computes
// everything anew and compares every number and every byte.
//
// Beside the run stand its benign twin, other seeds, controls, behaviour and
// features, where they are given, and the published medical run of 2506.11613. Each
// event, direction and feature has the battery it went through, see agar/phase/ledger.
package report
