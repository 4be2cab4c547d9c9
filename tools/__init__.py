"""Visual tools: one function per file."""

from __future__ import annotations

from adagym.registry import Registry
from adagym.tools.base import Tool

TOOLS: Registry[Tool] = Registry("tool")
TOOLS.register("Point", "adagym.tools.point:POINT", summary="where the things described are, in pixels")
TOOLS.register("Draw2DPath", "adagym.tools.draw_path:DRAW_2D_PATH", summary="a path of moves, drawn on the picture")
TOOLS.register("AStar", "adagym.tools.astar:ASTAR", summary="a shortest path between two cells around obstacles")
TOOLS.register("Crop", "adagym.tools.crop:CROP", summary="a part of a picture")
TOOLS.register("InsertImage", "adagym.tools.insert_image:INSERT_IMAGE", summary="one picture put into another")
TOOLS.register("DetectBlackArea", "adagym.tools.detect_black_area:DETECT_BLACK_AREA", summary="boxes of what is black")
TOOLS.register("DrawLine", "adagym.tools.draw_line:DRAW_LINE", summary="dashed lines across a picture")
TOOLS.register("DrawShape", "adagym.tools.draw_shape:DRAW_SHAPE", summary="outlines of rectangles, ellipses, circles")
TOOLS.register(
    "DrawDashLinePath", "adagym.tools.draw_dash_line_path:DRAW_DASH_LINE_PATH", summary="a path of moves, drawn dashed"
)
TOOLS.register("HighlightBox", "adagym.tools.highlight_box:HIGHLIGHT_BOX", summary="parts of a picture tinted red")
TOOLS.register("MaskBox", "adagym.tools.mask_box:MASK_BOX", summary="parts of a picture covered with white")
TOOLS.register("RotateImage", "adagym.tools.rotate_image:ROTATE_IMAGE", summary="a picture turned by quarter turns")
TOOLS.register("GetStartPoint", "adagym.tools.get_start_point:GET_START_POINT", summary="where a map's player stands")
TOOLS.register("GetEndPoint", "adagym.tools.get_end_point:GET_END_POINT", summary="where a map's goal is")
TOOLS.register("GetObstacles", "adagym.tools.get_obstacles:GET_OBSTACLES", summary="where a map's holes are")
TOOLS.register("GetWeather", "adagym.tools.get_weather:GET_WEATHER", summary="invented weather, of use to no task")
TOOLS.register("OCR", "adagym.tools.ocr:OCR", summary="the text in a picture, with boxes")
TOOLS.register("FrameAt", "adagym.tools.frame_at:FRAME_AT", summary="frames of the video at full size")
TOOLS.register("VideoClip", "adagym.tools.video_clip:VIDEO_CLIP", summary="several small frames of the video")
TOOLS.register("PathTracer", "adagym.tools.path_tracer:PATH_TRACER", summary="a straight line between two points")
TOOLS.register("crop_image", "adagym.tools.crop_image:CROP_IMAGE", summary="Crop as AdaTooler-V's checkpoints call it")

__all__ = ["TOOLS", "Tool"]
