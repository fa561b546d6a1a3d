// Burn shows where a team's LLM bill really goes.
//
//	burn proxy      forwards calls to LLM providers and appends one line of
//	                metadata per call to log files: never a prompt, an answer
//	                or a key
//	burn analyze    reads those files, prices every call, and says which agent,
//	                user, model and hour burned the money
//	burn demo       shows all of it on two made-up months, without a key
//	burn mark       notes that an agent was changed, so that later reports say
//	                whether it worked
//	burn doctor     says what is wrong with files, database and records, and
//	                what to type
//	burn prices     lists, checks, imports and explains prices
//	burn completion prints a script for completion in bash, zsh or fish
//	burn version    prints the version
//
// Every flag has an environment variable, BURN_ and its name in capitals, and a
// key of its name in the YAML file that --config names. A flag wins over the
// environment, the environment over the file, the file over the default.
//
// Exit codes: 0 fine; 1 it could not; 2 usage or configuration; 4 no calls in
// the period; 5 the report was made, the mail not sent; 6 lines rejected or calls
// unpriced, with --strict only; 10 a budget is crossed, 11 there are findings,
// with --fail-on budget or findings only. Results go to standard output,
// everything else to standard error.
package main

import (
	"io"
	"os"

	"burn/report/command"
)

// version is burn's; a release sets it at link time.
var version = "1.0.0-dev"

func main() {
	os.Exit(run(os.Args, os.Stdout, os.Stderr))
}

// run is main with its surroundings passed in.
func run(args []string, stdout, stderr io.Writer) int {
	return command.Run(version, args, stdout, stderr)
}
