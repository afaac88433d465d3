// The completion script for fish. Names are lines of a command substitution, which fish quotes for
// the place where they are put; nothing evaluates them.

enum FishCompletion {
    static var script: String {
        """
        # fish completion for gr, written by 'gr completion fish'.
        #
        # Load it with: gr completion fish | source

        \(values)

        \(options)

        \(arguments)

        \(commands)

        \(body)

        """
    }

    // MARK: Tables

    /// What completes an option's value; a flag prints nothing.
    private static var values: String {
        var cases: [String] = []
        for command in CommandTable.commands {
            for option in CompletionTable.options(command) {
                guard let source = CompletionTable.source(option) else { continue }
                let words = CompletionTable.spellings(option).map { "'\(command.name) \($0)'" }
                cases.append(entry(words, ["echo \(source.code)"]))
            }
        }
        for option in CommandTable.globalOptions {
            guard let source = CompletionTable.source(option) else { continue }
            let words = CompletionTable.spellings(option).map { "'* \($0)'" }
            cases.append(entry(words, ["echo \(source.code)"]))
        }
        return function("__gr_value", "\"$argv[1] $argv[2]\"", cases)
    }

    private static var options: String {
        let cases = CommandTable.commands.compactMap { command -> String? in
            let own = CompletionTable.options(command)
            return own.isEmpty ? nil : entry(["'\(command.name)'"], described(own))
        }
        let common = described(CommandTable.globalOptions).map { "    \($0)" }
        return function("__gr_options", "\"$argv[1]\"", cases, first: common)
    }

    private static func described(_ options: [OptionSpec]) -> [String] {
        options.flatMap { option in
            CompletionTable.spellings(option).map { line($0, option.summary) }
        }
    }

    private static var arguments: String {
        var cases: [String] = []
        for command in CommandTable.commands {
            for (index, argument) in command.arguments.enumerated() {
                let place = argument.repeats ? "*" : "\(index + 1)"
                cases.append(
                    entry(
                        ["'\(command.name) \(place)'"],
                        ["echo \(CompletionTable.source(argument).code)"]))
            }
        }
        return function("__gr_argument", "\"$argv[1] $argv[2]\"", cases)
    }

    private static var commands: String {
        let first = CompletionTable.firstWords.map { line($0.word, $0.summary) }
        let topics = CompletionTable.topics.map { topic in
            entry(
                ["'\(topic)'"],
                CompletionTable.secondWords(topic).map { line($0.word, $0.summary) })
        }
        return function("__gr_commands", "\"$argv[1]\"", [entry(["''"], first)] + topics)
    }

    /// Prints a candidate with what it does.
    private static func line(_ word: String, _ summary: String) -> String {
        "printf '%s\\t%s\\n' \(quoted(word)) \(quoted(summary))"
    }

    private static func entry(_ patterns: [String], _ lines: [String]) -> String {
        (["    case \(patterns.joined(separator: " "))"] + lines.map { "        \($0)" })
            .joined(separator: "\n")
    }

    private static func function(
        _ name: String, _ subject: String, _ cases: [String], first: [String] = []
    ) -> String {
        (["function \(name)"] + first + ["    switch \(subject)"]
            + cases.map { $0.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n") }
            + ["    end", "end"]).joined(separator: "\n")
    }

    /// For the shell, in single quotes.
    private static func quoted(_ text: String) -> String {
        "'\(text.replacing(#"\"#, with: #"\\"#).replacing("'", with: #"\'"#))'"
    }

    // MARK: The code

    private static var body: String {
        let wrappers = CompletionTable.wrappers.map { "'\($0)'" }.joined(separator: " ")
        return #"""
            # Lines that gr prints, asked of a daemon that runs.
            function __gr_ask
                set -lx GR_NO_AUTOSTART 1
                command gr $argv -q 2>/dev/null
            end

            function __gr_complete
                set -l words (commandline -opc)
                set -l cur (commandline -ct)
                set -l command ''
                set -l first ''
                set -l position 1
                set -l pending
                set -l option ''
                set -l place
                set -l behind
                for word in $words[2..-1]
                    if set -q pending[1]
                        if contains -- $option --home --address
                            set -a place $option $word
                        end
                        set pending
                        continue
                    end
                    switch $word
                        case --
                            set behind 1
                            break
                        case '--home=*' '--address=*'
                            set -a place $word
                        case '--*=*'
                        case '-?*'
                            set option $word
                            string match -q -- '--*' $word
                            or set option -(string sub -s -1 -- $word)
                            set pending (__gr_value "$command" $option)
                        case '*'
                            if test -z "$command"
                                set command $word
                            else if test -n "$(__gr_commands $command)"
                                set command "$command $word"
                            else
                                set position (math $position + 1)
                                set first $word
                            end
                    end
                end
                if set -q behind[1]; and contains -- "$command" %WRAPPERS%
                    __fish_complete_path $cur
                    return
                end
                set -l kind
                set -l prefix ''
                if set -q pending[1]
                    set kind $pending
                else if not set -q behind[1]; and string match -q -- '--*=*' $cur
                    set option (string split -m 1 = -- $cur)[1]
                    set prefix $option=
                    set kind (__gr_value "$command" $option)
                else if not set -q behind[1]; and string match -q -- '-*' $cur
                    __gr_options "$command"
                    return
                else if test -n "$(__gr_commands $command)"
                    __gr_commands $command
                    return
                else
                    set kind (__gr_argument "$command" $position)
                end
                # No service is called so.
                string match -q -r -- '^["\']?@' $cur
                and test "$kind" = services
                and set kind groups
                switch "$kind"
                    case 'words *'
                        printf '%s\n' $prefix(string split ' ' -- $kind)[2..-1]
                    case 'asked *'
                        printf '%s\n' $prefix(__gr_ask (string split ' ' -- $kind)[2..-1] $place)
                    case commands
                        test $position -le 2; and __gr_commands $first
                    case services
                        printf '%s\n' $prefix(__gr_ask ls $place)
                    case groups
                        printf '%s\n' $prefix(__gr_ask group ls $place)
                    case members
                        printf '%s\n' $prefix(__gr_ask ls $place)
                        printf '%s\n' $prefix(__gr_ask group ls $place)
                    case project
                        printf '%s\n' $prefix(__gr_ask config check $place)
                    case ports
                        string match -q -- ':*' $cur
                        and set prefix :
                        printf '%s\n' $prefix(__gr_ask ports $place)
                    case folders
                        set cur (string sub -s (math 1 + (string length -- "$prefix")) -- $cur)
                        printf '%s\n' $prefix(__fish_complete_directories $cur '')
                    case files
                        set cur (string sub -s (math 1 + (string length -- "$prefix")) -- $cur)
                        printf '%s\n' $prefix(__fish_complete_path $cur)
                end
            end

            complete -c gr -f -a '(__gr_complete)'
            """#.replacing("%WRAPPERS%", with: wrappers)
    }
}
