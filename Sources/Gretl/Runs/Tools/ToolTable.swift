// The tools that a model is offered, in one list: what is sent to models and to GET /api/tools, and
// what calls are checked against (ToolArguments). Order and text never change within a run, or no
// prompt cache would hit; change them with care.

/// The 14 tools.
package enum ToolTable {
    /// All of them, in the order that models see.
    package static let all: [ToolSpec] = files + searches + programs

    /// The tool of that name; nil when there is none.
    package static func named(_ name: String) -> ToolSpec? { all.first { $0.name == name } }

    /// The outcome of a call of a tool that there is not.
    package static func unknown(_ name: String) -> ToolOutcome {
        let shown = ShownName.of(String(name.prefix(100)).utf8)
        let names = all.map(\.name).joined(separator: ", ")
        return ToolOutcome("Unknown tool: \(shown). The tools are: \(names).", isError: true)
    }

    private static let files = [
        ToolSpec(
            "file_read",
            "Read a text file of the project. Shows at most 200000 bytes; give start_line and "
                + "end_line (1-based, inclusive) for a part.",
            schema: """
                {"type":"object","properties":{"path":{"type":"string"},\
                "start_line":{"type":"integer","minimum":1},\
                "end_line":{"type":"integer","minimum":1}},\
                "required":["path"],"additionalProperties":false}
                """, isReadOnly: true),
        ToolSpec(
            "file_list",
            "List what is in a folder of the project: folders end with a slash, files have their "
                + "size.",
            schema: """
                {"type":"object","properties":{"path":{"type":"string","default":"."}},\
                "required":[],"additionalProperties":false}
                """, isReadOnly: true),
        ToolSpec(
            "file_write",
            "Write a whole file, new or in place of an old one; missing folders are made. To "
                + "change a part of a file use file_patch.",
            schema: """
                {"type":"object","properties":{"path":{"type":"string"},\
                "content":{"type":"string"}},"required":["path","content"],\
                "additionalProperties":false}
                """, isReadOnly: false),
        ToolSpec(
            "file_patch",
            "Replace text in a file. old must match exactly, white space included. occurrence: 1 "
                + "(default) old must occur exactly once, N the Nth place, 0 every place.",
            schema: """
                {"type":"object","properties":{"path":{"type":"string"},\
                "old":{"type":"string","minLength":1},"new":{"type":"string"},\
                "occurrence":{"type":"integer","default":1,"minimum":0}},\
                "required":["path","old","new"],"additionalProperties":false}
                """, isReadOnly: false),
        ToolSpec(
            "file_insert",
            "Insert whole lines into a file before a 1-based line; 0 puts them first, a number "
                + "beyond the end puts them last.",
            schema: """
                {"type":"object","properties":{"path":{"type":"string"},\
                "line":{"type":"integer"},"content":{"type":"string"}},\
                "required":["path","line","content"],"additionalProperties":false}
                """, isReadOnly: false),
        ToolSpec(
            "file_delete", "Delete one file of the project.",
            schema: """
                {"type":"object","properties":{"path":{"type":"string"}},\
                "required":["path"],"additionalProperties":false}
                """, isReadOnly: false),
        ToolSpec(
            "file_rename",
            "Rename or move a file or folder within the project; nothing may be at the new path.",
            schema: """
                {"type":"object","properties":{"old_path":{"type":"string"},\
                "new_path":{"type":"string"}},"required":["old_path","new_path"],\
                "additionalProperties":false}
                """, isReadOnly: false),
    ]

    private static let searches = [
        ToolSpec(
            "grep_search",
            "Search the lines of all text files: plain text, or a regular expression with "
                + "is_regex. include_glob limits the files, such as *.py or src/**. Shows at most "
                + "50 lines as path:line: text; dependency folders are skipped.",
            schema: """
                {"type":"object","properties":{"pattern":{"type":"string"},\
                "is_regex":{"type":"boolean","default":false},\
                "case_insensitive":{"type":"boolean","default":true},\
                "include_glob":{"type":"string"}},"required":["pattern"],\
                "additionalProperties":false}
                """, isReadOnly: true),
        ToolSpec(
            "find_files",
            "Find files by a glob with *, ?, ** and {a,b}, such as *.py (in every folder) or "
                + "src/**/*.js. Shows at most 100 paths; dependency folders are skipped.",
            schema: """
                {"type":"object","properties":{"pattern":{"type":"string"}},\
                "required":["pattern"],"additionalProperties":false}
                """, isReadOnly: true),
    ]

    private static let programs = [
        ToolSpec(
            "bash_exec",
            "Run a shell command in the project folder and get its output and exit code. timeout "
                + "is in seconds. Programs it leaves running are ended.",
            schema: """
                {"type":"object","properties":{"command":{"type":"string"},\
                "timeout":{"type":"number","default":60,"minimum":1,"maximum":600}},\
                "required":["command"],"additionalProperties":false}
                """, isReadOnly: false),
        ToolSpec(
            "git_diff", "Show what changed in the project since the last commit, or is staged.",
            schema: """
                {"type":"object","properties":{"staged":{"type":"boolean","default":false}},\
                "required":[],"additionalProperties":false}
                """, isReadOnly: true),
        ToolSpec(
            "git_status", "Show which files of the project are changed, staged or new.",
            schema: """
                {"type":"object","properties":{},"required":[],"additionalProperties":false}
                """, isReadOnly: true),
        ToolSpec(
            "git_log", "Show the last commits of the project, one a line.",
            schema: """
                {"type":"object","properties":{"count":{"type":"integer","default":10,\
                "minimum":1,"maximum":100}},"required":[],"additionalProperties":false}
                """, isReadOnly: true),
        ToolSpec(
            "run_pytest",
            "Run the project's tests with pytest and get its report. args go to pytest, such as "
                + "[\"tests/test_a.py\", \"-k\", \"name\"].",
            schema: """
                {"type":"object","properties":{"args":{"type":"array",\
                "items":{"type":"string"}}},"required":[],"additionalProperties":false}
                """, isReadOnly: false),
    ]
}
