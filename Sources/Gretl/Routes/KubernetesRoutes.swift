// The routes under /k8s together: RouteTable holds one of it, so that the table stays one screen.
// Dispatch is a switch as there.

package import NetCore

/// Handlers of the routes under /k8s.
@ReactorActor
package struct KubernetesRoutes {
    let clusters: ClusterRoutes
    let workloads: WorkloadRoutes
    let tethers: TetherRoutes

    /// Has the handler of a route answer.
    func handle(_ id: Route.ID, _ exchange: Exchange) {
        switch id {
        case .listClusters: clusters.list(exchange)
        case .registerCluster: clusters.register(exchange)
        case .getCluster: clusters.get(exchange)
        case .removeCluster: clusters.remove(exchange)
        case .syncCluster: workloads.sync(exchange)
        case .listClusterWorkloads: workloads.listOfCluster(exchange)
        case .listWorkloads: workloads.list(exchange)
        case .getWorkload: workloads.get(exchange)
        case .sleepWorkload: workloads.sleep(exchange)
        case .wakeWorkload: workloads.wake(exchange)
        case .getAutoSleep: workloads.settings(exchange)
        case .setAutoSleep: workloads.configure(exchange)
        case .planAutoSleep: workloads.plan(exchange)
        case .createTether: tethers.create(exchange)
        case .listTethers: tethers.list(exchange)
        case .getTether: tethers.get(exchange)
        case .activateTether: tethers.activate(exchange)
        case .deactivateTether: tethers.deactivate(exchange)
        case .removeTether: tethers.remove(exchange)
        default: KubernetesRoutes.refuse(exchange)
        }
    }

    /// For a route without a handler, and where there is no Kubernetes half.
    static func refuse(_ exchange: Exchange) {
        exchange.reply(
            APIError(
                .notFound, "there is nothing at this path",
                hint: "the routes are listed in docs/api.md and openapi.yaml"
            ).response)
    }
}
