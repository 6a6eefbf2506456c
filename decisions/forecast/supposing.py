"""A forecast under suppositions: the panel changed as an overlay says, its features computed anew, and asked of the same model.

What reads no plan and no neighbour cannot honour a supposition about them: that is refused where it concerns the product itself,
and changes nothing where it concerns a neighbour. A supposed forecast moves by as much as the levels above had moved the base
forecast; it is not made to add up with forecasts of other products, which are not supposed to change.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
from scipy import sparse

from decisions.forecast.artefact import CATEGORY, CHAIN, STORE, ForecastMetadata
from decisions.forecast.backtest import MODEL_SYSTEM, PULL_SYSTEM, TWIN_SYSTEM, promoted_ahead
from decisions.forecast.contract import ForecastRequest
from decisions.forecast.errors import NotSupposable
from decisions.forecast.model import DemandModel
from decisions.forecast.panels import read_panel
from decisions.forecast.serving import Series
from decisions.forecast.tables import history_table_name
from decisions.overlay import ForecastOverlay, Mechanic, PlannedPromotion, SwitchedOffPromotion
from features import FeatureSnapshot
from features.demand import DemandTransform
from features.demand_neighbours import NEIGHBOUR_RELATIONS, Neighbours, NeighbourVintages, neighbours
from features.demand_panel import MAXIMUM_HORIZON_WEEKS, WEEK, DemandPanel
from features.demand_pull import Pull, pull_at
from features.known_ahead import KnownAhead
from kg.ports import ArrayGraph

__all__ = ["READ_NEIGHBOURS", "Supposed", "Supposer"]

SMALL_UNITS = 1e-6
MODELS = (MODEL_SYSTEM, TWIN_SYSTEM, PULL_SYSTEM)
READ_NEIGHBOURS = (MODEL_SYSTEM, PULL_SYSTEM)
"""The systems whose forecasts depend on neighbours."""


@dataclass(frozen=True, slots=True, eq=False)
class Supposed:
    """The panel of products and the neighbours under a supposition."""

    chain: DemandPanel
    relations: Neighbours


@dataclass(frozen=True)  # no slots: panels and neighbours are opened when they are first asked for
class Supposer:
    """Recomputes forecasts of one release under suppositions.

    Args:
        graph: the release's graph: its edges are the neighbours.
        features: the release's features.
        metadata: of the forecast artefact.
    """

    graph: ArrayGraph
    features: FeatureSnapshot
    metadata: ForecastMetadata

    @cached_property
    def chain(self) -> DemandPanel:
        """The panel of products."""
        return read_panel(self.features, CHAIN, self.metadata, self._categories)

    @cached_property
    def stores(self) -> DemandPanel:
        """The panel of products in stores."""
        return read_panel(self.features, STORE, self.metadata, self._categories)

    @cached_property
    def relations(self) -> Neighbours:
        """The neighbours that the model was fitted with: edges of the graph that were valid on its day."""
        edges = {name: self.graph.export_edges(name) for name in NEIGHBOUR_RELATIONS}
        return neighbours(self.chain, edges)

    @cached_property
    def pull(self) -> Pull:
        """How far neighbours pull, as known on the release's day."""
        return pull_at(self.chain, self.relations, self.chain.week_count)

    def pull_of(self, supposed: Supposed) -> Pull:
        """Return how far neighbours pull under a supposition."""
        if supposed.relations is self.relations:
            return self.pull
        return pull_at(self.chain, supposed.relations, self.chain.week_count)

    def row_of(self, product_id: str) -> int | None:
        """Return the place of a product in the chain's panel; None where it is not in it."""
        return self._rows.get(product_id)

    @cached_property
    def _categories(self) -> tuple[str, ...]:
        return tuple(self.features.table(history_table_name(CATEGORY))["category_id"].to_pylist())

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {product: row for row, product in enumerate(self.chain.product_ids)}

    def series(
        self,
        request: ForecastRequest,
        series: Series,
        model: DemandModel | None,
        names: tuple[str, ...],
        overlay: ForecastOverlay,
    ) -> Series:
        """Return a series as it would be; the same one where nothing that is supposed concerns it.

        Args:
            request: for a product.
            series: as the release forecasts it.
            model: that of the system which serves it; None: it serves by a method that reads neither plans nor neighbours.
            names: the features of the level, of which `series.features` are the values.
            overlay: what is supposed.

        Raises:
            NotSupposable: it concerns the product, and what serves it cannot take it into account.
        """
        if request.product_id is None:
            raise NotSupposable("sums of products are not supposed to change; ask for a product")
        own, weeks = request.product_id, self._weeks
        gone = {one.week_start for one in overlay.products_gone if one.product_id == own} & weeks.keys()
        heard = self._heard(own, overlay, reads_neighbours=series.system in READ_NEIGHBOURS and model is not None)
        if not heard.is_empty:
            series = self._anew(request, series, model, names, heard)
        return _without(series, [weeks[week] - 1 for week in gone]) if gone else series

    @cached_property
    def _weeks(self) -> dict[date, int]:
        """Horizons by the Monday of their week."""
        return {self.metadata.history_end + step * WEEK: step for step in range(1, MAXIMUM_HORIZON_WEEKS + 1)}

    def _heard(self, own: str, overlay: ForecastOverlay, *, reads_neighbours: bool) -> ForecastOverlay:
        """Return the part that concerns the product's own plan and price, and its neighbours where these are read."""
        read = {own} | (self._neighbours_of(own) if reads_neighbours else set())
        ignored = overlay.neighbours_ignored if reads_neighbours else ()
        ahead = self._weeks
        return ForecastOverlay.of(
            promotions_on=[one for one in overlay.promotions_on if one.product_id in read and one.week_start in ahead],
            promotions_off=[one for one in overlay.promotions_off if one.product_id in read and one.week_start in ahead],
            neighbours_ignored=[one for one in ignored if one.target_id == own and one.source_id in read],
            products_gone=[one for one in overlay.products_gone if one.product_id in read - {own} and one.week_start in ahead],
            prices=[one for one in overlay.prices if one.product_id in read and one.week_start in ahead],
        )

    def _neighbours_of(self, product_id: str) -> set[str]:
        """Return the sources of edges into a product, and its siblings."""
        row = self._rows.get(product_id)
        if row is None:
            return set()
        near: list[np.ndarray] = [weights[[row]].indices for weights in self.relations.weights.values()]
        near += [np.flatnonzero(codes == codes[row]) for codes in self.relations.siblings.values()]
        return {self.chain.product_ids[one] for one in np.unique(np.concatenate(near))} - {product_id}

    def _anew(
        self,
        request: ForecastRequest,
        series: Series,
        model: DemandModel | None,
        names: tuple[str, ...],
        overlay: ForecastOverlay,
    ) -> Series:
        if overlay.prices and (self.chain.ahead is None or self.chain.ahead.prices is None):
            raise NotSupposable("no planned prices were delivered, so that the model knows none")
        if model is None or series.features is None or series.system not in MODELS:
            raise NotSupposable(f"this series is served by {series.system}, which knows no promotions")
        supposed = self.supposed(request, overlay)
        chain = supposed.chain
        panel = chain if request.store_id is None else self._changed(self.stores, overlay, request.store_id, None)
        relations = supposed.relations if series.system in READ_NEIGHBOURS else None
        transform = DemandTransform(panel, chain, None if relations is None else NeighbourVintages.always(relations))
        row = np.asarray([self._row(panel, request)])
        horizons = range(1, MAXIMUM_HORIZON_WEEKS + 1)
        features = transform.features(panel.week_count, row, horizons)[:, 0]
        columns = [transform.names.index(name) for name in model.names]
        base = model.predict(np.ascontiguousarray(features[:, columns]))
        moved = np.where(series.base > SMALL_UNITS, series.ahead / np.maximum(series.base, SMALL_UNITS), 1.0)
        wide = np.full((len(horizons), len(names)), np.nan, dtype=np.float32)
        wide[:, [names.index(name) for name in transform.names]] = features
        promoted = promoted_ahead(panel, panel.week_count, row, len(horizons))[:, 0]
        return replace(series, ahead=base * moved, base=base, promoted=promoted, features=wide)

    def supposed(self, request: ForecastRequest, overlay: ForecastOverlay) -> Supposed:
        """Return the chain's panel and the neighbours as an overlay has them for a product; those of the release where it says
        nothing of it and of its neighbours.
        """
        heard = self._heard(str(request.product_id), overlay, reads_neighbours=True)
        if heard.is_empty:
            return Supposed(self.chain, self.relations)
        chain = self._changed(self.chain, heard, None, None if request.store_id is None else request.product_id)
        return Supposed(chain, self._without_edges(heard))

    def _row(self, panel: DemandPanel, request: ForecastRequest) -> int:
        if request.store_id is None or panel.store_ids is None:
            return self._rows[str(request.product_id)]
        return self._store_rows[str(request.product_id), request.store_id]

    @cached_property
    def _store_rows(self) -> dict[tuple[str, str], int]:
        names = zip(self.stores.product_ids, self.stores.store_ids or (), strict=True)
        return {name: row for row, name in enumerate(names)}

    def _changed(self, panel: DemandPanel, overlay: ForecastOverlay, store_id: str | None, kept: str | None) -> DemandPanel:
        """Return the panel with promotions and products of the weeks ahead as supposed.

        Args:
            panel: of products, or of products in stores.
            overlay: what is supposed.
            store_id: the store whose series are changed, in a panel of stores.
            kept: a product whose plan stays as it is: in the chain's panel, what is supposed of one store only.
        """
        shares = {Mechanic.DISPLAY: panel.display.copy(), Mechanic.MAILER: panel.mailer.copy()}
        codes = {Mechanic.DISPLAY: panel.display_code.copy(), Mechanic.MAILER: panel.mailer_code.copy()}
        also = {self._weeks[one.week_start] for one in overlay.promotions_on}
        for column in (panel.week_count + horizon - 1 for horizon in also):
            for share in shares.values():
                share[:, column] = np.nan_to_num(share[:, column])
        for cell, mechanic, coverage in self._told(panel, overlay, store_id, kept):
            if panel.is_planned(cell[1]) or cell[1] in also:
                at = cell[0], panel.week_count + cell[1] - 1
                shares[mechanic][at] = coverage if panel.store_ids is None else float(coverage > 0)
                codes[mechanic][at] = codes[mechanic][at] if coverage > 0 else -1
        gone = np.zeros((len(panel.product_ids), MAXIMUM_HORIZON_WEEKS), dtype=bool)
        for absent in overlay.products_gone:
            row = self._place(panel, absent.product_id, store_id)
            if row is not None and absent.product_id != kept:
                gone[row, self._weeks[absent.week_start] - 1] = True
        for share in shares.values():
            ahead = share[:, panel.week_count :]
            ahead[gone] = 0.0
        return replace(
            panel,
            display=shares[Mechanic.DISPLAY],
            mailer=shares[Mechanic.MAILER],
            display_code=codes[Mechanic.DISPLAY],
            mailer_code=codes[Mechanic.MAILER],
            planned_also=panel.planned_also | also,
            ahead=self._at_supposed_prices(panel, overlay, store_id, kept, gone),
            gone=gone if gone.any() else None,
        )

    def _told(
        self, panel: DemandPanel, overlay: ForecastOverlay, store_id: str | None, kept: str | None
    ) -> Iterator[tuple[tuple[int, int], Mechanic, float]]:
        """Yield the row and the horizon of each supposed promotion, its mechanic and its coverage (0: switched off)."""
        changes: list[tuple[PlannedPromotion | SwitchedOffPromotion, float]] = [
            *((one, one.coverage) for one in overlay.promotions_on),
            *((one, 0.0) for one in overlay.promotions_off),
        ]
        for change, coverage in changes:
            row = self._place(panel, change.product_id, store_id)
            if row is not None and change.product_id != kept:
                yield (row, self._weeks[change.week_start]), change.mechanic, coverage

    def _at_supposed_prices(
        self, panel: DemandPanel, overlay: ForecastOverlay, store_id: str | None, kept: str | None, gone: np.ndarray
    ) -> KnownAhead | None:
        """Return what is known ahead, with prices as supposed, and without those of products (N x horizons) that are gone."""
        ahead = panel.ahead
        if ahead is None or ahead.prices is None or not (overlay.prices or gone.any()):
            return ahead
        prices = ahead.prices.copy()
        for change in overlay.prices:
            row = self._place(panel, change.product_id, store_id)
            if row is not None and change.product_id != kept:
                step = self._weeks[change.week_start] - 1
                prices[step, row, panel.week_count + step] = change.price
        row_gone, step_gone = np.nonzero(gone)
        prices[step_gone, row_gone, panel.week_count + step_gone] = np.nan
        return replace(ahead, prices=prices)

    def _place(self, panel: DemandPanel, product_id: str, store_id: str | None) -> int | None:
        if panel.store_ids is None:
            return self._rows.get(product_id)
        return self._store_rows.get((product_id, store_id or ""))

    def _without_edges(self, overlay: ForecastOverlay) -> Neighbours:
        if not overlay.neighbours_ignored:
            return self.relations
        pairs = [(self._rows.get(one.target_id), self._rows.get(one.source_id)) for one in overlay.neighbours_ignored]
        cut = {(target, source) for target, source in pairs if target is not None and source is not None}
        weights = {name: _cut(one, cut) for name, one in self.relations.weights.items()}
        strengths = {name: _nothing(one, cut) for name, one in self.relations.strengths.items()}
        return replace(self.relations, weights=weights, strengths=strengths)


def _cut(weights: sparse.csr_array, cut: Collection[tuple[int, int]]) -> sparse.csr_array:
    """Return the weights without some edges, the others of the same rows weighing as much more as they would have had."""
    left, width = weights.tocoo(), weights.shape[1]
    kept = ~np.isin(left.row.astype(np.int64) * width + left.col, [target * width + source for target, source in cut])
    if kept.all():
        return weights
    row, column, data = left.row[kept], left.col[kept], left.data[kept]
    touched = np.isin(row, [target for target, _ in cut])
    whole = np.bincount(row, weights=data, minlength=weights.shape[0])
    data = np.where(touched, data / np.maximum(whole[row], np.finfo(np.float32).tiny), data).astype(weights.dtype)
    return sparse.csr_array((data, (row, column)), shape=weights.shape)


def _nothing(strengths: sparse.csr_array, cut: Collection[tuple[int, int]]) -> sparse.csr_array:
    """Return the strengths with 0 for some edges: the others are no stronger for it."""
    row = np.repeat(np.arange(strengths.shape[0], dtype=np.int64), np.diff(strengths.indptr))
    width = strengths.shape[1]
    gone = np.isin(row * width + strengths.indices, [target * width + source for target, source in cut])
    data = np.where(gone, 0.0, strengths.data).astype(strengths.dtype)
    return sparse.csr_array((data, strengths.indices, strengths.indptr), shape=strengths.shape)


def _without(series: Series, steps: Collection[int]) -> Series:
    """Return a series that sells nothing in some weeks."""
    there = np.ones(len(series.ahead))
    there[list(steps)] = 0.0
    return replace(series, ahead=series.ahead * there, base=series.base * there, gone=tuple(sorted(steps)))
