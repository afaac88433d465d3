// The completion script for zsh. Names go to compadd as an array, which quotes them for the place
// where they are put; nothing evaluates them.

enum ZshCompletion {
    static var script: String {
        """
        #compdef gr
        # zsh completion for gr, written by 'gr completion zsh'.
        #
        # Put it into a folder of $fpath as _gr, or load it behind compinit with:
        # source <(gr completion zsh)

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
            "\(patterns.joined(separator: "|"))) kind='\($0.code)' ;;"
        }
    }

    private static var options: String {
        let cases = CommandTable.commands.compactMap { command -> String? in
            let own = CompletionTable.options(command)
            return own.isEmpty ? nil : "'\(command.name)') reply+=(\(described(own))) ;;"
        }
        return """
            _gr_options() {
                reply=(\(described(CommandTable.globalOptions)))
                case "$1" in
            \(indented(cases))
                esac
            }
            """
    }

    private static func described(_ options: [OptionSpec]) -> String {
        options.flatMap { option in
            CompletionTable.spellings(option).map { quoted("\($0):\(option.summary)") }
        }.joined(separator: " ")
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
        func list(_ words: [(word: String, summary: String)]) -> String {
            words.map { quoted("\($0.word):\($0.summary)") }.joined(separator: " ")
        }
        let topics = CompletionTable.topics.map { topic in
            "'\(topic)') reply=(\(list(CompletionTable.secondWords(topic)))) ;;"
        }
        return function(
            "_gr_commands", "\"$1\"",
            ["'') reply=(\(list(CompletionTable.firstWords))) ;;"] + topics + ["*) reply=() ;;"])
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

    /// For the shell, in single quotes.
    private static func quoted(_ text: String) -> String {
        "'\(text.replacing("'", with: #"'\''"#))'"
    }

    // MARK: The code

    private static var body: String {
        let wrappers = CompletionTable.wrappers.map { "'\($0)'" }.joined(separator: "|")
        return #"""
            # Lines that gr prints, asked of a daemon that runs.
            _gr_ask() {
                found+=(${(f)"$(GR_NO_AUTOSTART=1 command gr "$@" -q "${place[@]}" 2>/dev/null)"})
            }

            _gr() {
                local command= first= kind= pending= option= word= behind=
                integer position=1
                local -a found place reply finished
                (( CURRENT > 2 )) && finished=("${(@Q)words[2,CURRENT-1]}")
                for word in "${finished[@]}"; do
                    if [[ -n $pending ]]; then
                        case $option in (--home|--address) place+=("$option" "$word") ;; esac
                        pending=
                        continue
                    fi
                    case $word in
                    (--)
                        behind=1
                        break
                        ;;
                    (--home=*|--address=*) place+=("$word") ;;
                    (--*=*) ;;
                    (-?*)
                        option=$word
                        [[ $word == --* ]] || option=-${word[-1]}
                        _gr_value "$command" "$option"
                        pending=$kind
                        ;;
                    (*)
                        _gr_commands "$command"
                        if [[ -z $command ]]; then
                            command=$word
                        elif (( $#reply )); then
                            command+=" $word"
                        else
                            position+=1
                            first=$word
                        fi
                        ;;
                    esac
                done
                if [[ -n $behind ]]; then
                    case $command in
                    (%WRAPPERS%)
                        local -i dashes=${words[(i)--]}
                        shift dashes words
                        (( CURRENT -= dashes ))
                        _normal
                        return
                        ;;
                    esac
                fi
                _gr_commands "$command"
                kind=
                if [[ -n $pending ]]; then
                    kind=$pending
                elif [[ -z $behind && $PREFIX == --*=* ]]; then
                    _gr_value "$command" "${PREFIX%%=*}"
                    compset -P '--*='
                elif [[ -z $behind && $PREFIX == -* ]]; then
                    _gr_options "$command"
                    _describe -o option reply
                    return
                elif (( $#reply )); then
                    _describe command reply
                    return
                else
                    _gr_argument "$command" "$position"
                fi
                # No service is called so.
                [[ $kind == services && $PREFIX == (\"|\'|)@* ]] && kind=groups
                case $kind in
                (words\ *) compadd -- ${(s: :)${kind#words }} ;;
                (commands)
                    (( position <= 2 )) && _gr_commands "$first" && _describe command reply
                    ;;
                (asked\ *)
                    _gr_ask ${(s: :)${kind#asked }}
                    compadd -a found
                    ;;
                (services)
                    _gr_ask ls
                    compadd -a found
                    ;;
                (groups)
                    _gr_ask group ls
                    compadd -a found
                    ;;
                (members)
                    _gr_ask ls
                    _gr_ask group ls
                    compadd -a found
                    ;;
                (project)
                    _gr_ask config check
                    compadd -a found
                    ;;
                (ports)
                    compset -P :
                    _gr_ask ports
                    compadd -a found
                    ;;
                (folders) _files -/ ;;
                (files) _files ;;
                esac
            }

            # Called by the completion system, or sourced.
            if [[ $funcstack[1] == _gr ]]; then
                _gr "$@"
            else
                compdef _gr gr
            fi
            """#.replacing("%WRAPPERS%", with: wrappers)
    }
}
