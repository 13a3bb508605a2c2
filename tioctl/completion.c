/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The scripts by which shells complete tioctl's command line.  They know nothing of verbs and
 * options: complete.c is asked each time.
 */

#include <string.h>

#include "base/text.h"
#include "tioctl/complete.h"
#include "tioctl/tioctl.h"

/*
 * bash breaks words at ':' and '=', which addresses and options have in them: the line is taken
 * apart here, and what bash thinks is done already is taken off the answers.
 */
static const char bash[] =
	"# bash completion of tioctl\n"
	"_tioctl()\n"
	"{\n"
	"\tlocal line=${COMP_LINE:0:COMP_POINT} tab=$'\\t' words word done answer\n"
	"\tread -ra words <<<\"$line\"\n"
	"\t[[ $line == *[[:space:]] ]] && words+=(\"\")\n"
	"\tword=${words[${#words[@]} - 1]}\n"
	"\tdone=\n"
	"\tif [[ $word == *:* && $COMP_WORDBREAKS == *:* ]]; then\n"
	"\t\tdone=${word%\"${word##*:}\"}\n"
	"\telif [[ $word == *=* && $COMP_WORDBREAKS == *=* ]]; then\n"
	"\t\tdone=${word%%=*}=\n"
	"\tfi\n"
	"\tCOMPREPLY=()\n"
	"\twhile IFS= read -r answer; do\n"
	"\t\tanswer=${answer%%\"$tab\"*}\n"
	"\t\tcase $answer in\n"
	"\t\t:files) compopt -o default 2>/dev/null ;;\n"
	"\t\t:folders) compopt -o dirnames 2>/dev/null ;;\n"
	"\t\t*) COMPREPLY+=(\"${answer#\"$done\"}\") ;;\n"
	"\t\tesac\n"
	"\tdone < <(tioctl " COMPLETE_WORD " \"${words[@]:1}\" 2>/dev/null)\n"
	"}\n"
	"complete -F _tioctl tioctl\n";

static const char zsh[] = "#compdef tioctl\n"
			  "# zsh completion of tioctl\n"
			  "_tioctl()\n"
			  "{\n"
			  "\tlocal line tab=$'\\t'\n"
			  "\tlocal -a names about\n"
			  "\tfor line in \"${(@f)$(tioctl " COMPLETE_WORD
			  " \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
			  "\t\tcase $line in\n"
			  "\t\t'') ;;\n"
			  "\t\t:files) _files ;;\n"
			  "\t\t:folders) _files -/ ;;\n"
			  "\t\t*)\n"
			  "\t\t\tnames+=(\"${line%%$tab*}\")\n"
			  "\t\t\tabout+=(\"${line/$tab/  -- }\")\n"
			  "\t\t\t;;\n"
			  "\t\tesac\n"
			  "\tdone\n"
			  "\t(( $#names )) && compadd -l -d about -a names\n"
			  "}\n"
			  "if [ \"${funcstack[1]-}\" = _tioctl ]; then\n"
			  "\t_tioctl \"$@\"\n"
			  "elif (( $+functions[compdef] )); then\n"
			  "\tcompdef _tioctl tioctl\n"
			  "fi\n";

static const char fish[] = "# fish completion of tioctl\n"
			   "function __tioctl_complete\n"
			   "\tset -l words (commandline -opc) (commandline -ct)\n"
			   "\tfor line in (tioctl " COMPLETE_WORD
			   " $words[2..-1] 2>/dev/null)\n"
			   "\t\tswitch $line\n"
			   "\t\t\tcase :files\n"
			   "\t\t\t\t__fish_complete_path (commandline -ct)\n"
			   "\t\t\tcase :folders\n"
			   "\t\t\t\t__fish_complete_directories (commandline -ct)\n"
			   "\t\t\tcase '*'\n"
			   "\t\t\t\techo $line\n"
			   "\t\tend\n"
			   "\tend\n"
			   "end\n"
			   "complete -c tioctl -f -a '(__tioctl_complete)'\n";

static const struct {
	const char *shell, *script;
} scripts[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };

static int run_completion(struct tioctl *t)
{
	const char *shell = t->options->names[0];

	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		if (strcmp(scripts[i].shell, shell) != 0)
			continue;
		fputs(scripts[i].script, t->out.file);
		return EXIT_DONE;
	}
	screen_line(&t->err,
		    "tioctl: there is no completion for \"%s\", only for bash, zsh and fish",
		    shell);
	return EXIT_USAGE;
}

const struct command command_completion = {
	.name = "completion",
	.arguments = "bash|zsh|fish",
	.summary = "a script that completes verbs, options, devices and VMs in a shell",
	.names_min = 1,
	.names_max = 1,
	.run = run_completion,
};
