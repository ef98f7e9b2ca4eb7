"""The four views: fitted to what they show, moved to a place, stepped through."""

from slicer import vtkMRMLSliceNode
from vtkmodules.vtkCommonCore import vtkCommand


class Views:
    """Fits views and keeps them fitted while their size changes.

    A page tells the size of its views a moment after it has opened, and again when its window or
    layout changes. A view that nobody has zoomed or moved since it was fitted is then fitted again;
    one that somebody has is left alone.
    """

    def __init__(self, slicer_app):
        self._app = slicer_app
        self._fitted = {}  # view -> what it looked like when it was fitted
        self._observed = set()

    def all(self):
        return self._app.view_manager.get_views()

    def slices(self):
        return self._app.view_manager.get_slice_views()

    def fit(self):
        """Show everything in every view."""
        for view in self.all():
            self._fit(view)

    def fit_3d(self):
        for view in self._app.view_manager.get_threed_views():
            self._fit(view)

    def render(self):
        for view in self.all():
            view.schedule_render()

    def jump(self, point):
        """Move the slices to a point (RAS, mm)."""
        vtkMRMLSliceNode.JumpAllSlices(self._app.scene, *point)
        for view in self.slices():
            self._remember(view)

    def step(self, orientation, slices):
        """Move the view of that orientation ("Axial") by a number of slices."""
        for view in self.slices():
            if view.get_orientation() == orientation:
                low, high = view.get_slice_range()
                wanted = view.get_slice_value() + slices * view.get_slice_step()
                view.set_slice_value(min(max(wanted, low), high))

    def _fit(self, view):
        if view not in self._observed:
            # after the view's own observer, which tells the slice logic the new size
            view.interactor().AddObserver(vtkCommand.WindowResizeEvent, lambda *_: self._on_resized(view))
            self._observed.add(view)
        view.reset_view()
        self._remember(view)

    def _remember(self, view):
        self._fitted[view] = self._look(view)

    def _on_resized(self, view):
        if view not in self._fitted or not self._alike(self._fitted[view], self._look(view)):
            return
        if view in self.slices():
            offset = view.get_slice_value()
            view.fit_view_to_content()
            view.set_slice_value(offset)
        else:
            view.reset_view()
        self._remember(view)

    def _look(self, view):
        """What a user changes by zooming and moving, and a change of size does not."""
        if view in self.slices():
            node = view.get_view_node()
            width = max(node.GetDimensions()[0], 1)
            return (node.GetFieldOfView()[0] / width, *node.GetXYZOrigin()[:2])
        camera = view.first_renderer().GetActiveCamera()
        return (*camera.GetPosition(), *camera.GetFocalPoint())

    @staticmethod
    def _alike(one, other):
        return all(abs(a - b) <= 1e-3 * max(1.0, abs(a)) for a, b in zip(one, other, strict=True))
