// What a failure of a model's server is called in events and answers, and what a person can do.

extension AttemptFailure {
    /// The stable code, and the next step.
    func words(provider: ModelProvider) -> (code: String, hint: String?) {
        switch self {
        case .cancelled: ("cancelled", nil)
        case .transfer(let error):
            switch error {
            case .tls: ("model_unreachable", "is the address right, and its certificate valid?")
            case .unavailable: ("model_unreachable", "install libcurl: run 'gr doctor'")
            case .tooLarge: ("bad_answer", nil)
            default:
                (
                    "model_unreachable",
                    provider.isOwn
                        ? "is the model's server running, and its address right?"
                        : "is the network up? is a proxy needed (https_proxy)?"
                )
            }
        case .status(let status, _, _), .inStream(let status, _):
            AttemptFailure.words(status, provider)
        case .truncated, .nonsense: ("bad_answer", "try again, or another model")
        case .wrongKind:
            ("bad_answer", "is the base address right? it is \(AttemptFailure.form(provider))")
        case .declined: ("model_refused", "say the task in other words, or use another model")
        }
    }

    private static func form(_ provider: ModelProvider) -> String {
        provider.isAnthropic ? "written without /v1" : "written with /v1 at its end"
    }

    private static func words(
        _ status: Int, _ provider: ModelProvider
    ) -> (code: String, hint: String?) {
        switch status {
        case 401:
            let variable = provider.keyVariable.map { " in \($0)" } ?? ""
            return ("model_refused", "the server does not accept the API key\(variable)")
        case 402: return ("model_refused", "the account has no credit left")
        case 403: return ("model_refused", "the key may not use this model")
        case 404: return ("model_refused", "is the model's name right, and the base address?")
        case 413: return ("model_refused", "the conversation is too long for the server")
        case 429:
            return (
                "model_overloaded",
                "a limit of the account is reached: wait, or look at its limits and spending"
            )
        case 408, 409, 500...599: return ("model_overloaded", "try again later")
        case 300...399:
            return ("model_refused", "it points elsewhere: set the base address to that place")
        default: return ("model_refused", nil)
        }
    }
}
