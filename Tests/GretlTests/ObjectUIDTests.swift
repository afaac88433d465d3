// A uid is the same text again, whether it is packed or not.

import Testing

@testable import Gretl

@Suite("Object uid")
struct ObjectUIDTests {
    @Test(
        "every uid comes back as it came",
        arguments: [
            "5eed0000-0000-4000-8000-0123456789ab", "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "00000000-0000-0000-0000-000000000000", "5EED0000-0000-4000-8000-0123456789AB",
            "5eed00000-000-4000-8000-0123456789ab", "5eed0000-0000-4000-8000-0123456789a",
            "g0000000-0000-0000-0000-000000000000", "", "some other name for itself, of 36 B.",
            "größer-als-sechzehn-bytes-und-kein-x",
        ])
    func roundTrip(text: String) {
        #expect(ObjectUID(text).text == text)
    }

    @Test("two uids are the same exactly when their texts are")
    func same() {
        let uid = ObjectUID("5eed0000-0000-4000-8000-0123456789ab")
        #expect(uid == ObjectUID("5eed0000-0000-4000-8000-0123456789ab"))
        #expect(uid != ObjectUID("5eed0000-0000-4000-8000-0123456789ac"))
        #expect(uid != ObjectUID("6eed0000-0000-4000-8000-0123456789ab"))
    }
}
