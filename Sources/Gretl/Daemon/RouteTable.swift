// Every route of the daemon on one screen: method, path, handler. docs/api.md and openapi.yaml are
// checked against it by a test.

package import HTTPParser
package import NetCore

/// One route.
@ReactorActor
package struct Route {
    package let method: HTTPMethod
    /// As in `/v1/services/{name}/start`.
    package let pattern: String
    let handler: @ReactorActor (Exchange) -> Void
}

/// The routes and their handlers.
@ReactorActor
package final class RouteTable {
    package let routes: [Route]
    let router: Router

    init(services: ServiceRoutes, resolve: ResolveRoute, daemon: DaemonRoutes) {
        routes = [
            Route(method: .get, pattern: "/health", handler: daemon.health),
            Route(method: .get, pattern: "/v1/daemon/stats", handler: daemon.stats),
            Route(method: .get, pattern: "/v1/services", handler: services.list),
            Route(method: .post, pattern: "/v1/services", handler: services.register),
            Route(method: .get, pattern: "/v1/services/{name}", handler: services.get),
            Route(method: .delete, pattern: "/v1/services/{name}", handler: services.remove),
            Route(method: .post, pattern: "/v1/services/{name}/start", handler: services.start),
            Route(method: .post, pattern: "/v1/services/{name}/stop", handler: services.stop),
            Route(method: .get, pattern: "/v1/resolve/{name}", handler: resolve.resolve),
        ]
        router = Router(
            routes.enumerated().map { ($0.element.method, $0.element.pattern, $0.offset) })
    }
}
