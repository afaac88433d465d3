// The completion script for bash 4 and later. Names are data all the way: they are read line by
// line, compared as text and quoted for the place where they are put; nothing evaluates them.
// The words of the line are split here and not taken from COMP_WORDS, which splits at colons.

enum BashCompletion {
    static var script: String {
        """
        # shellcheck shell=bash
        # bash completion for gr, written by 'gr completion bash'.
        #
        # Load it with: source <(gr completion bash)

        \(values)

        \(options)

        \(arguments)

        \(commands)

        \(body)

        """
    }

    // MARK: Tables

    /// What completes an option's value; an empty kind is a flag.
    private static var values: String {
        var cases: [String] = []
        for command in CommandTable.commands {
            cases += CompletionTable.options(command).compactMap { option in
                line(option, CompletionTable.spellings(option).map { "'\(command.name) \($0)'" })
            }
        }
        cases += CommandTable.globalOptions.compactMap { option in
            line(option, CompletionTable.spellings(option).map { "*' \($0)'" })
        }
        return function("_gr_value", "\"$1 $2\"", cases + ["*) kind='' ;;"])
    }

    private static func line(_ option: OptionSpec, _ patterns: [String]) -> String? {
        CompletionTable.source(option).map {
            "\(patterns.joined(separator: " | "))) kind='\($0.code)' ;;"
        }
    }

    private static var options: String {
        let common = CommandTable.globalOptions.flatMap(CompletionTable.spellings)
        let cases = CommandTable.commands.compactMap { command -> String? in
            let own = CompletionTable.options(command).flatMap(CompletionTable.spellings)
            return own.isEmpty
                ? nil : "'\(command.name)') kind+=' \(own.joined(separator: " "))' ;;"
        }
        return """
            _gr_options() {
                kind='words \(common.joined(separator: " "))'
                case "$1" in
            \(indented(cases))
                esac
            }
            """
    }

    private static var arguments: String {
        var cases: [String] = []
        for command in CommandTable.commands {
            for (index, argument) in command.arguments.enumerated() {
                let place = argument.repeats ? " '*" : " \(index + 1)'"
                cases.append(
                    "'\(command.name)\(place)) kind='\(CompletionTable.source(argument).code)' ;;")
            }
        }
        return function("_gr_argument", "\"$1 $2\"", cases + ["*) kind=anything ;;"])
    }

    private static var commands: String {
        let first = CompletionTable.firstWords.map(\.word).joined(separator: " ")
        let topics = CompletionTable.topics.map { topic in
            let words = CompletionTable.secondWords(topic).map(\.word).joined(separator: " ")
            return "'\(topic)') kind='words \(words)' ;;"
        }
        return function(
            "_gr_commands", "\"$1\"",
            ["'') kind='words \(first)' ;;"] + topics + ["*) kind='' ;;"])
    }

    private static func function(_ name: String, _ subject: String, _ cases: [String]) -> String {
        """
        \(name)() {
            case \(subject) in
        \(indented(cases))
            esac
        }
        """
    }

    private static func indented(_ cases: [String]) -> String {
        cases.map { "    " + $0 }.joined(separator: "\n")
    }

    private static var wrappers: String {
        CompletionTable.wrappers.map { "'\($0)'" }.joined(separator: " | ")
    }

    // MARK: The code

    private static var body: String {
        #"""
        # Splits a line as the shell would, without evaluating anything: `words` are the finished
        # ones, `cur` is the last one, `quote` what is open in it, and `cut` how much of it
        # readline keeps by itself.
        _gr_split() {
            local text=$1 char='' i=0 begun=''
            words=() cur='' quote='' cut=0
            for ((i = 0; i < ${#text}; i++)); do
                char=${text:i:1}
                if [[ $quote == "'" && $char != "'" ]]; then
                    cur+=$char
                elif [[ $quote == '"' && $char != '"' ]]; then
                    if [[ $char == \\ && ${text:i+1:1} == [\\\"\$\`] ]]; then
                        i=$((i + 1))
                    fi
                    cur+=${text:i:1}
                elif [[ -n $quote ]]; then
                    quote='' cut=${#cur}
                elif [[ $char == [\"\'] ]]; then
                    quote=$char begun=1 cut=${#cur}
                elif [[ $char == \\ ]]; then
                    i=$((i + 1)) begun=1
                    cur+=${text:i:1}
                elif [[ $char == [[:space:]] ]]; then
                    [[ -n $begun ]] && words+=("$cur")
                    cur='' begun='' cut=0
                else
                    cur+=$char begun=1
                    # The text begins behind such a character, but at an @.
                    if [[ $COMP_WORDBREAKS == *"$char"* ]]; then
                        cut=${#cur}
                        [[ $char == @ ]] && cut=$((cut - 1))
                    fi
                fi
            done
        }

        # Lines that gr prints, asked of a daemon that runs.
        _gr_ask() {
            local line=''
            while IFS= read -r line; do
                [[ -n $line ]] && found+=("$line")
            done < <(GR_NO_AUTOSTART=1 command gr "$@" -q "${place[@]}" 2>/dev/null)
        }

        _gr() {
            local -a words=() found=() place=()
            local cur='' quote='' cut=0 command='' first='' position=1 kind='' pending='' option=''
            local word='' prefix='' behind=''
            COMPREPLY=()
            _gr_split "${COMP_LINE:0:COMP_POINT}"
            for word in "${words[@]:1}"; do
                if [[ -n $pending ]]; then
                    case $option in --home | --address) place+=("$option" "$word") ;; esac
                    pending=''
                    continue
                fi
                case $word in
                --)
                    behind=1
                    break
                    ;;
                --home=* | --address=*) place+=("$word") ;;
                --*=*) ;;
                -?*)
                    option=$word
                    [[ $word == --* ]] || option=-${word: -1}
                    _gr_value "$command" "$option"
                    pending=$kind
                    ;;
                *)
                    _gr_commands "$command"
                    if [[ -z $command ]]; then
                        command=$word
                    elif [[ -n $kind ]]; then
                        command+=" $word"
                    else
                        position=$((position + 1)) first=$word
                    fi
                    ;;
                esac
            done
            if [[ -n $behind ]]; then
                case $command in
                %WRAPPERS%)
                    compopt -o bashdefault -o default
                    return
                    ;;
                esac
            fi
            _gr_commands "$command"
            if [[ -n $pending ]]; then
                kind=$pending
            elif [[ -z $behind && $cur == --*=* ]]; then
                prefix=${cur%%=*}=
                _gr_value "$command" "${cur%%=*}"
            elif [[ -z $behind && $cur == -* ]]; then
                _gr_options "$command"
            elif [[ -z $kind ]]; then
                _gr_argument "$command" "$position"
                [[ $kind == commands && $position -le 2 ]] && _gr_commands "$first"
            fi
            # No service is called so.
            [[ $kind == services && $cur == @* ]] && kind=groups
            case $kind in
            words\ *) IFS=' ' read -ra found <<<"${kind#words }" ;;
            asked\ *)
                IFS=' ' read -ra words <<<"${kind#asked }"
                _gr_ask "${words[@]}"
                ;;
            services) _gr_ask ls ;;
            groups) _gr_ask group ls ;;
            members)
                _gr_ask ls
                _gr_ask group ls
                ;;
            project) _gr_ask config check ;;
            ports)
                [[ $cur == :* ]] && prefix=:
                _gr_ask ports
                ;;
            folders) compopt -o dirnames ;;
            files) compopt -o default ;;
            esac
            for word in "${found[@]}"; do
                word=$prefix$word
                [[ ${word:0:${#cur}} == "$cur" ]] || continue
                word=${word:cut}
                case $quote in
                \') word=${word//\'/\'\\\'\'} ;;
                \")
                    # Nothing keeps the shell from reading a ! there.
                    [[ $word == *!* ]] && continue
                    word=${word//\\/\\\\}
                    word=${word//\"/\\\"}
                    word=${word//\$/\\\$}
                    word=${word//\`/\\\`}
                    ;;
                *) [[ -n $word ]] && printf -v word %q "$word" ;;
                esac
                COMPREPLY+=("$word")
            done
        }

        complete -F _gr gr
        """#.replacing("%WRAPPERS%", with: wrappers)
    }
}
